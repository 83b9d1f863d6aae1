//! The card that goes with exported weights: Markdown, with the front matter that the Hugging Face hub reads.

use super::fit::called;
use super::loading::snippet;
use super::write::Format;
use crate::model::Config;
use std::fmt::Write;

/// What a card is written from. All text may come from runs and is escaped.
#[derive(Debug, Clone)]
pub struct Card<'a> {
    /// What the model is called.
    pub name: &'a str,
    /// The id of the run that trained it.
    pub run: &'a str,
    /// Its sizes.
    pub model: &'a Config,
    /// Whose names the file uses.
    pub format: Format,
    /// The name of the file, without its folder.
    pub file: &'a str,
    /// Whether the file has a whole decoder.
    pub decoder: bool,
    /// The resolved run, in YAML.
    pub recipe: &'a str,
    /// What was measured.
    pub results: &'a [Figure],
}

/// One measured number.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The stage that measured it (`knn`, `linear`, ..).
    pub stage: String,
    /// What it is (`top1`, ..).
    pub metric: String,
    /// The number, in the unit of the run's own tables.
    pub value: f64,
    /// The data that it was measured on.
    pub dataset: String,
}

/// Writes the card.
pub fn markdown(card: &Card) -> String {
    let mut text = front_matter(card);
    let vit = card.model.vit.0;
    _ = write!(
        text,
        "\n# {}\n\nA {} for images of {} px: width {}, {} blocks, {} heads, layer norms with an epsilon of 1e-6.\n\
         Trained by vicmae, run {}. The file has {}.\n",
        inline(card.name),
        called(card.model),
        card.model.image,
        vit.width,
        vit.depth,
        vit.heads,
        inline(card.run),
        if card.decoder { "the encoder and the decoder" } else { "the encoder" },
    );
    text.push_str(&table(card.results));
    let code = snippet(card.model, card.format, card.file, card.decoder);
    _ = write!(text, "\n## Loading\n\n{}", fenced("python", &code));
    _ = write!(text, "\n## How it was trained\n\n{}", fenced("yaml", card.recipe));
    text
}

/// Text as a double-quoted scalar, the same in YAML, JSON and Python.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            // YAML takes none of these as they are, and breaks lines at the separators.
            '\0'..' ' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

fn front_matter(card: &Card) -> String {
    let library = match card.format {
        Format::Mae => "pytorch",
        Format::Timm => "timm",
        Format::Huggingface => "transformers",
    };
    let mut text = format!(
        "---
library_name: {library}
pipeline_tag: image-feature-extraction
tags:
- vicmae
- vit
- self-supervised-learning
- masked-autoencoder
# license: the run does not say; add one before you publish
"
    );
    // The hub refuses numbers that are none.
    let figures: Vec<&Figure> = card.results.iter().filter(|figure| figure.value.is_finite()).collect();
    if !figures.is_empty() {
        _ = write!(text, "model-index:\n- name: {}\n  results:\n", quoted(card.name));
    }
    for figure in figures {
        let metric = quoted(&format!("{}.{}", figure.stage, figure.metric));
        _ = write!(
            text,
            "  - task:
      type: image-feature-extraction
    dataset:
      name: {0}
      type: {0}
    metrics:
    - type: {metric}
      name: {metric}
      value: {1}
",
            quoted(&figure.dataset),
            figure.value,
        );
    }
    text + "---\n"
}

fn table(figures: &[Figure]) -> String {
    if figures.is_empty() {
        return "\nNothing was measured with it yet.\n".into();
    }
    let mut text = String::from("\n## Results\n\n| stage | metric | value | data |\n|---|---|---|---|\n");
    for figure in figures {
        let (stage, metric, data) = (inline(&figure.stage), inline(&figure.metric), inline(&figure.dataset));
        _ = writeln!(text, "| {stage} | {metric} | {} | {data} |", figure.value);
    }
    text
}

/// Text inside a line of Markdown, where none of it is markup.
fn inline(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&' | '~' => line.extend(['\\', character]),
            _ if character.is_control() || "\u{2028}\u{2029}".contains(character) => line.push(' '),
            _ => line.push(character),
        }
    }
    line
}

/// A block of code. The fence is longer than any run of backticks in it, so that nothing in it ends the block.
fn fenced(language: &str, code: &str) -> String {
    let longest = code.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}{language}\n{}\n{fence}\n", code.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::samples::tiny;

    fn figure(dataset: &str, value: f64) -> Figure {
        Figure { stage: "knn".into(), metric: "top1".into(), value, dataset: dataset.into() }
    }

    fn card(name: &str, recipe: &str, results: &[Figure]) -> String {
        let model = tiny();
        let format = Format::Timm;
        markdown(&Card { name, run: "r-1", model: &model, format, file: "m.safetensors", decoder: false, recipe, results })
    }

    fn front(card: &str) -> serde_yaml::Value {
        serde_yaml::from_str(card.strip_prefix("---\n").unwrap().split_once("\n---\n").unwrap().0).unwrap()
    }

    #[test]
    fn a_card_has_facts_results_loading_and_recipe() {
        let text = card("vicmae tiny", "seed: 1\n", &[figure("cifar_10", 71.25)]);
        let (before, rest) = text.split_once("## Loading").unwrap();
        insta::assert_snapshot!(before, @r#"
        ---
        library_name: timm
        pipeline_tag: image-feature-extraction
        tags:
        - vicmae
        - vit
        - self-supervised-learning
        - masked-autoencoder
        # license: the run does not say; add one before you publish
        model-index:
        - name: "vicmae tiny"
          results:
          - task:
              type: image-feature-extraction
            dataset:
              name: "cifar_10"
              type: "cifar_10"
            metrics:
            - type: "knn.top1"
              name: "knn.top1"
              value: 71.25
        ---

        # vicmae tiny

        A ViT/4 for images of 8 px: width 8, 1 blocks, 2 heads, layer norms with an epsilon of 1e-6.
        Trained by vicmae, run r-1. The file has the encoder.

        ## Results

        | stage | metric | value | data |
        |---|---|---|---|
        | knn | top1 | 71.25 | cifar\_10 |
        "#);
        assert!(rest.contains("VisionTransformer(") && rest.ends_with("```yaml\nseed: 1\n```\n"));
    }

    #[test]
    fn text_from_a_run_cannot_leave_its_place() {
        let hostile = "a: \"b\"\n---\n# c | `d` <e> \u{7}\u{85}\u{2028}\\ é";
        let text = card(hostile, "x: |\n  ```\n  ````python\n", &[figure(hostile, 1.0)]);
        let front = front(&text);
        assert_eq!(front["model-index"][0]["name"].as_str(), Some(hostile));
        assert_eq!(front["model-index"][0]["results"][0]["dataset"]["name"].as_str(), Some(hostile));
        assert!(text.contains("\n# a: \"b\" --- \\# c \\| \\`d\\` \\<e\\>    \\\\ é\n"));
        assert!(text.ends_with("\n`````yaml\nx: |\n  ```\n  ````python\n`````\n"));
    }

    #[test]
    fn numbers_that_are_none_stay_out_of_the_front_matter() {
        let text = card("m", "", &[figure("d", f64::NAN)]);
        assert!(front(&text).get("model-index").is_none() && text.contains("| knn | top1 | NaN | d |"));
        assert!(card("m", "", &[]).contains("Nothing was measured with it yet."));
    }
}
