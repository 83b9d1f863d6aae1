//! How jobs are asked for: `templates/slurm/<name>.yaml`.

use crate::failure::Failure;
use crate::spec::SourceText;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// The settings of a cluster. What is left out is left to Slurm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// `--partition`.
    pub partition: Option<String>,
    /// `--account`.
    pub account: Option<String>,
    /// `--qos`.
    pub qos: Option<String>,
    /// `--constraint`.
    pub constraint: Option<String>,
    /// `--exclude`: nodes that are not wanted.
    pub exclude: Option<String>,
    /// `--time`: the time limit of one job. A run may need many: it goes on from its checkpoint.
    pub time: Option<String>,
    /// `--mem`.
    pub memory: Option<String>,
    /// `--cpus-per-task`, and the threads of a run.
    pub cpus: u32,
    /// `--gres=gpu:N`; 0 asks for none.
    pub gpus: u32,
    /// Jobs of one array at a time.
    pub at_once: Option<u32>,
    /// Transfers that share one allocation, one after the other.
    pub pack: usize,
    /// Seconds before the time limit at which a run is asked to save.
    pub signal_seconds: u32,
    /// Where runs compute: `auto`, `cpu`, `cuda`.
    pub device: String,
    /// How often a job may be put back into the queue by the time limit.
    pub requeues: u32,
    /// The shortest and the longest time between two questions to the controller, in seconds.
    pub poll_seconds: [f64; 2],
    /// Other options of sbatch, one each: `--nice=100`.
    pub options: Vec<String>,
}

impl Default for Profile {
    fn default() -> Self {
        let none = None::<String>;
        Profile {
            partition: none.clone(),
            account: none.clone(),
            qos: none.clone(),
            constraint: none.clone(),
            exclude: none.clone(),
            time: none.clone(),
            memory: none,
            cpus: 1,
            gpus: 0,
            at_once: None,
            pack: 1,
            signal_seconds: 120,
            device: "auto".to_owned(),
            requeues: 100,
            poll_seconds: [2.0, 60.0],
            options: Vec::new(),
        }
    }
}

/// The profile that the program brings along.
const BUILT_IN: (&str, &str) = ("default", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/slurm/default.yaml")));

impl Profile {
    /// Reads `templates/slurm/<name>.yaml` of the project, or the profile of that name that is built in.
    ///
    /// # Errors
    /// A [`Failure`] when there is no such profile, or something in it is wrong.
    pub fn load(project: &Path, name: &str) -> Result<Self> {
        let path = project.join("templates/slurm").join(format!("{name}.yaml"));
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        let source = match (plain, name == BUILT_IN.0) {
            (true, _) if path.exists() => SourceText::read(&path)?,
            (true, true) => SourceText::new("templates/slurm/default.yaml (built in)", BUILT_IN.1),
            _ => return Err(unknown(project, name).into()),
        };
        let profile: Profile = source.parse()?;
        profile.check().map_err(|(key, words)| source.failure_at(&[key], words, "this"))?;
        Ok(profile)
    }

    /// The times between two questions to the controller.
    pub fn pauses(&self) -> [Duration; 2] {
        self.poll_seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(60)))
    }

    /// Says which key holds what must not stand on a line of a job script, or makes no sense.
    fn check(&self) -> Result<(), (&'static str, String)> {
        let texts = [
            ("partition", &self.partition),
            ("account", &self.account),
            ("qos", &self.qos),
            ("constraint", &self.constraint),
            ("exclude", &self.exclude),
            ("time", &self.time),
            ("memory", &self.memory),
        ];
        let fits =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.,:/@+=&|*()[]".contains(c));
        for (key, text) in texts {
            if let Some(text) = text.as_deref().filter(|text| !fits(text)) {
                return Err((key, format!("`{text}` cannot stand on a line of a job script")));
            }
        }
        if let Some(option) = self.options.iter().find(|option| !option.starts_with("--") || !fits(option)) {
            return Err(("options", format!("`{option}` is no option of sbatch without spaces, such as `--nice=100`")));
        }
        if let Some(option) = self.options.iter().find(|option| is_ours(option)) {
            return Err(("options", format!("`{option}` is set by vicmae, or by a key of the profile")));
        }
        let [first, longest] = self.poll_seconds;
        if !(first > 0.0 && first <= longest && longest <= 3600.0) {
            return Err(("poll_seconds", "the times between two questions must rise, and lie between 0 and 3600".to_owned()));
        }
        let counts = [("pack", self.pack == 0), ("cpus", self.cpus == 0), ("at_once", self.at_once == Some(0))];
        match counts.into_iter().find(|(_, is_zero)| *is_zero) {
            Some((key, _)) => Err((key, "at least 1 is needed".to_owned())),
            None => Ok(()),
        }
    }
}

/// Options by which jobs are known, followed and started again.
const OURS: [&str; 18] = [
    "array",
    "chdir",
    "clusters",
    "comment",
    "dependency",
    "error",
    "input",
    "job-name",
    "kill-on-invalid-dep",
    "no-requeue",
    "open-mode",
    "output",
    "parsable",
    "requeue",
    "signal",
    "test-only",
    "wait",
    "wrap",
];

/// Whether `sbatch` may read an option as one of ours: it takes any beginning of a name for the name.
fn is_ours(option: &str) -> bool {
    let name = option.trim_start_matches('-').split('=').next().unwrap_or_default();
    OURS.iter().any(|ours| ours.starts_with(name))
}

fn unknown(project: &Path, name: &str) -> Failure {
    let files = std::fs::read_dir(project.join("templates/slurm")).into_iter().flatten().flatten();
    let own = files.filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".yaml")?.to_owned()));
    let mut names: Vec<String> = own.chain([BUILT_IN.0.to_owned()]).collect();
    names.sort();
    names.dedup();
    Failure::input(format!("there is no profile `{name}`"))
        .nearest(name, names.iter().map(String::as_str))
        .hint(format!("there are: {}", names.join(", ")))
        .hint(format!("or write templates/slurm/{name}.yaml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Profile, String> {
        let project = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(project.path().join("templates/slurm")).unwrap();
        std::fs::write(project.path().join("templates/slurm/a100.yaml"), text).unwrap();
        let place = project.path().display().to_string();
        Profile::load(project.path(), "a100").map_err(|error| error.to_string().replace(&place, "<project>"))
    }

    #[test]
    fn a_profile_says_what_differs_from_the_default_and_the_built_in_one_is_that() {
        let profile = load("{ partition: gpu, time: '4:00:00', gpus: 1, cpus: 8, memory: 32G, options: [--nice=100] }").unwrap();
        assert_eq!((profile.partition.as_deref(), profile.pack, profile.gpus), (Some("gpu"), 1, 1));
        assert_eq!(Profile::load(Path::new("nowhere"), "default").unwrap(), Profile::default());
    }

    #[test]
    fn what_could_leave_its_line_is_refused_and_pointed_at() {
        for text in [
            "partition: 'a b'",
            "options: ['--wrap=x y']",
            "options: [nice]",
            "account: \"a\\n#SBATCH --uid=0\"",
            "qos: $(id)",
            "options: ['--job-n=x']",
            "at_once: 0",
        ] {
            assert!(load(text).is_err(), "{text}");
        }
        insta::assert_snapshot!(load("cpus: 4\ntime: 4 hours\n").unwrap_err(), @r"
        `4 hours` cannot stand on a line of a job script
         --> <project>/templates/slurm/a100.yaml:2:7
          |
        2 | time: 4 hours
          |       ^^^^^^^ this
        ");
        assert!(load("poll_seconds: [5, 1]").is_err() && load("pack: 0").is_err() && load("gpu: 1").is_err());
    }

    #[test]
    fn an_unknown_profile_is_told_which_there_are_and_a_name_stays_in_its_folder() {
        insta::assert_snapshot!(Profile::load(Path::new("nowhere"), "a100").unwrap_err(), @r"
        there is no profile `a100`
        hint: there are: default
        hint: or write templates/slurm/a100.yaml
        ");
        assert!(Profile::load(Path::new("nowhere"), "../../secret").is_err());
    }
}
