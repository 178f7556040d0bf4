//! docs/scaling.md has three commands, and behind each of them what it prints.

use std::collections::BTreeMap;
use std::fs;

use clap::Parser as _;
use freshet_core::config::Config;
use freshet_dev::cli::{Cli, Command};
use freshet_dev::plan::{Demand, Plan, report};

use crate::files::{check_section, project};

const PAGE: &str = "docs/scaling.md";

/// A sum of the page.
struct Sum {
    command: String,
    /// What comes after the command, up to the next heading.
    rest: String,
}

fn sums() -> Vec<Sum> {
    const BEGIN: &str = "\n    ./freshet plan --stream ";
    let page = fs::read_to_string(project().join(PAGE)).unwrap();
    let sums = page.match_indices(BEGIN).map(|(at, _)| {
        // A line that goes on ends with a backslash.
        let from_here = page[at..].trim_start().replace("\\\n", " ");
        let (command, rest) = from_here.split_once('\n').unwrap();
        let rest = rest.split("\n## ").next().unwrap();
        Sum { command: command.to_owned(), rest: rest.to_owned() }
    });
    sums.collect()
}

#[test]
fn the_sums_are_what_the_commands_print() {
    assert_eq!(sums().len(), 3);
    for (index, sum) in sums().iter().enumerate() {
        let printed = report::markdown(&plan(&sum.command));
        check_section(PAGE, &format!("plan {}", index + 1), &printed);
    }
}

#[test]
fn the_bottlenecks_are_named_in_the_text() {
    for Sum { command, rest } in sums() {
        let found = plan(&command).bottleneck;
        let named = format!("the {} of {}", found.resource, found.part);
        let (_, text) = rest.split_once("<!-- end of generated -->").unwrap();
        assert!(
            text.replace('\n', " ").contains(&named),
            "{command}: '{named}' is not in the text"
        );
    }
}

fn plan(command: &str) -> Plan {
    let cli = Cli::try_parse_from(command.split_whitespace())
        .unwrap_or_else(|error| panic!("{command}: {error}"));
    let Command::Plan(arguments) = cli.command else { panic!("{command} is another command") };
    let file = project().join("freshet.toml");
    let text = fs::read_to_string(&file).unwrap();
    let config = Config::parse(&text, &file, BTreeMap::new()).unwrap();
    Plan::of(&Demand::of(&arguments, &config).unwrap()).unwrap()
}
