//! Every file of `tests/specs/`: the plan of a good one, the words said about a bad one. A new case is a new file.

use proptest::prelude::*;
use proptest::sample::Index;
use std::path::Path;
use vicmae::failure::Failure;
use vicmae::plan::{Content, Plan};
use vicmae::spec;

#[test]
fn every_spec_says_what_it_means() {
    insta::glob!("specs/*.yaml", |path| {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let source = spec::SourceText::new(format!("{stem}.yaml"), text);
        let planned = spec::read(source, stem, &[], project()).and_then(|experiment| Plan::make(&experiment, &fingerprint));
        let said = match planned {
            Ok(plan) => picture(&plan),
            Err(error) => {
                assert!(error.is::<Failure>(), "{stem}: a mistake is told as a failure, not as `{error:?}`");
                error.to_string()
            }
        };
        assert_eq!(stem.starts_with("good-"), said.starts_with("asked"), "{stem}: {said}");
        insta::with_settings!({ snapshot_path => "specs/snapshots", omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!("said", said)
        });
    });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    /// Whatever is typed by accident, the program says something and stays upright.
    #[test]
    fn a_damaged_spec_is_told_not_suffered(at in any::<Index>(), cut in 0_usize..20, typed in "[a-z0-9:\\[\\]{}\"'&*!|>#\\-?,% \t\né]{0,6}") {
        let characters: Vec<char> = include_str!("specs/good-merging.yaml").chars().collect();
        let at = at.index(characters.len());
        let rest = &characters[(at + cut).min(characters.len())..];
        let text: String = characters[..at].iter().copied().chain(typed.chars()).chain(rest.iter().copied()).collect();
        let source = spec::SourceText::new("damaged.yaml", text.clone());
        let planned = spec::read(source, "damaged", &[], project()).and_then(|experiment| Plan::make(&experiment, &fingerprint));
        if let Err(error) = planned {
            prop_assert!(error.is::<Failure>(), "{text}: {error:?}");
        }
    }
}

/// The project whose templates are used; no data is needed, as its fingerprint is made up.
fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fingerprint(_: Content<'_>) -> anyhow::Result<String> {
    Ok("made-up".to_owned())
}

/// A plan in words: what was asked, and what is left after equal runs merged.
fn picture(plan: &Plan) -> String {
    let mut lines = vec![format!("asked {}, distinct {}", plan.asked, plan.runs.len())];
    for run in plan.runs.values() {
        let parents: Vec<String> = run.parents.iter().map(|parent| format!(" of {}", plan.runs[parent].name)).collect();
        lines.push(format!("{} [{}]{}", run.name, run.stage, parents.join("")));
        for cell in plan.cells_of(run.id) {
            lines.push(format!("  {}: {}", cell.stage, serde_json::to_string(&cell.axes).unwrap()));
        }
    }
    lines.join("\n")
}
