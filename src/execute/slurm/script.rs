//! The job script, from `templates/slurm/job.sh.j2`.

use super::batch::{Batch, root};
use super::profile::Profile;
use crate::run_folder::Environment;
use anyhow::{Context, Result};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment as Templates, UndefinedBehavior, context};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const BUILT_IN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/slurm/job.sh.j2"));

/// Steps that the template may take.
const FUEL: u64 = 100_000;

/// Renders the script of a batch. Nothing that an experiment says gets into it: a nonce, numbers, quoted paths, and what the
/// profile says, which was checked.
pub(super) fn render(project: &Path, profile: &Profile, batch: &Batch, folder: &Path, program: &Path) -> Result<String> {
    let path = project.join("templates/slurm/job.sh.j2");
    let text = if path.exists() {
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?
    } else {
        BUILT_IN.to_owned()
    };
    let mut templates = Templates::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_fuel(Some(FUEL));
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    templates.set_syntax(syntax.context("the syntax of templates is wrong")?);
    templates.add_filter("shell", |text: String| quoted(&text));
    let values = context! {
        profile => Serde(profile),
        name => batch.name(),
        nonce => batch.nonce.clone(),
        batch => folder.display().to_string(),
        program => program.display().to_string(),
        environment => Environment::for_workers().map(|(name, value)| context! { name, value }).to_vec(),
    };
    let rendered = templates.render_str(&text, values);
    rendered
        .with_context(|| format!("cannot render {}", if path.exists() { path.display().to_string() } else { "job.sh".into() }))
}

/// A text as one word of a shell, whatever is in it.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A copy of this program that stays as it is, whatever is built in its place while jobs wait.
pub(super) fn freeze(results: &Path) -> Result<PathBuf> {
    let build = Environment::here().program;
    let folder = root(results).join("bin").join(build);
    let program = folder.join("vicmae");
    if program.exists() {
        return Ok(program);
    }
    let copy = || -> Result<()> {
        fs::create_dir_all(&folder)?;
        let new = tempfile::NamedTempFile::new_in(&folder)?;
        std::io::copy(&mut File::open("/proc/self/exe")?, &mut new.as_file())?;
        new.as_file().set_permissions(fs::Permissions::from_mode(0o755))?;
        new.as_file().sync_all()?;
        new.persist(&program)?;
        Ok(())
    };
    copy().with_context(|| format!("cannot copy this program to {}", program.display()))?;
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_id::RunId;
    use std::process::Command;

    #[test]
    fn the_script_holds_what_the_profile_says_and_ends_as_the_worker() {
        let tasks = vec![vec![RunId::of(b"run")]];
        let batch = Batch { nonce: "0123456789ab".into(), tasks, device: "cpu".into(), workers: 4, requeues: 3 };
        let profile = Profile {
            partition: Some("gpu".into()),
            time: Some("4:00:00".into()),
            memory: Some("32G".into()),
            gpus: 1,
            cpus: 4,
            options: vec!["--nice=100".into()],
            ..Profile::default()
        };
        let folder = Path::new("/lab/it's here/results/slurm/0123456789ab");
        let text = render(Path::new("nowhere"), &profile, &batch, folder, Path::new("/lab/bin/vicmae")).unwrap();
        let text: String = text.lines().filter(|line| !line.starts_with("export ")).map(|line| format!("{line}\n")).collect();
        insta::assert_snapshot!(text, @r#"
        #!/bin/bash
        # One batch of runs. To load modules or set variables, copy this file to templates/slurm/job.sh.j2 of your project and
        # add the lines before the last one; that one must stay the last, so that signals reach the worker.
        #SBATCH --job-name=vicmae-0123456789ab
        #SBATCH --comment=vicmae:0123456789ab
        #SBATCH --requeue
        #SBATCH --open-mode=append
        #SBATCH --kill-on-invalid-dep=yes
        #SBATCH --signal=B:USR2@120
        #SBATCH --nodes=1
        #SBATCH --ntasks=1
        #SBATCH --cpus-per-task=4
        #SBATCH --partition=gpu
        #SBATCH --time=4:00:00
        #SBATCH --mem=32G
        #SBATCH --gres=gpu:1
        #SBATCH --nice=100

        exec '/lab/bin/vicmae' worker --batch '/lab/it'\''s here/results/slurm/0123456789ab' --task "$SLURM_ARRAY_TASK_ID"
        "#);
    }

    #[test]
    fn any_text_is_one_word_of_a_shell() {
        for text in ["it's", "$(id)", "a\nb", "`x` \"y\" \\", "%a"] {
            let output = Command::new("sh").arg("-c").arg(format!("printf %s {}", quoted(text))).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }
}
