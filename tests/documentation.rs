//! Every `vicmae` command in the documentation is one that the program takes, and every experiment in it exists.

use clap::Parser;
use std::path::{Path, PathBuf};
use vicmae::cli::Cli;

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = walkdir::WalkDir::new(root.join("docs")).into_iter().map(|entry| entry.unwrap().into_path());
    let pages = docs
        .chain([root.join("README.md")])
        .chain(std::fs::read_dir(root.join("experiments")).unwrap().map(|e| e.unwrap().path()));
    pages.filter(|path| path.extension().is_some_and(|kind| kind == "md" || kind == "yaml")).collect()
}

/// The arguments of a command line, with quotes taken off and comments left out.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for letter in line.chars().chain([' ']) {
        match (quote, letter) {
            (None, '#') => break,
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (None, letter) if letter.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(letter),
        }
    }
    words
}

#[test]
fn every_command_of_the_documentation_is_understood() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut understood = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for line in text.lines().map(|line| line.trim_start_matches(['#', ' ', '$'])) {
            // Where the output goes is the shell's business.
            let line = line.replace("cargo run --release -- ", "vicmae ");
            let line = line.split(" > ").next().unwrap_or_default();
            if !line.starts_with("vicmae ") || line.contains("FILE") || line.contains("..") {
                continue;
            }
            let arguments = words(line);
            if let Err(error) = Cli::try_parse_from(&arguments) {
                panic!("{}: `{line}`\n{error}", page.display());
            }
            for file in arguments.iter().filter(|word| word.starts_with("experiments/") && word.ends_with(".yaml")) {
                assert!(root.join(file).is_file(), "{}: `{line}` names a file that is not there", page.display());
            }
            understood += 1;
        }
    }
    assert!(understood > 5, "only {understood} commands were found");
}
