//! Dockerfiles, as far as the tests read them.

use std::fs;

use crate::versions::{read, root};

/// A Dockerfile of docker/, with its instructions in one line each.
pub(crate) struct Dockerfile {
    pub(crate) name: String,
    instructions: Vec<(String, String)>,
}

impl Dockerfile {
    pub(crate) fn all() -> Vec<Self> {
        let entries = fs::read_dir(root().join("docker")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name.ends_with(".Dockerfile")).collect();
        names.sort();
        assert_eq!(names.len(), 3, "{names:?}");
        names.into_iter().map(Self::of).collect()
    }

    fn of(name: String) -> Self {
        let text = read(&format!("docker/{name}"));
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let whole = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
        let instructions = whole.lines().filter_map(|line| {
            let (instruction, rest) = line.trim().split_once(' ')?;
            Some((instruction.to_owned(), rest.split_whitespace().collect::<Vec<_>>().join(" ")))
        });
        Self { name, instructions: instructions.collect() }
    }

    /// What follows each instruction of this kind.
    pub(crate) fn each<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        let of_kind = self.instructions.iter().filter(move |(instruction, _)| instruction == kind);
        of_kind.map(|(_, rest)| rest.as_str())
    }

    /// Arguments with their defaults.
    pub(crate) fn arguments(&self) -> Vec<(String, String)> {
        let pairs = self.each("ARG").filter_map(|argument| argument.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The stages: what each begins with, and its instructions.
    pub(crate) fn stages(&self) -> Vec<(&str, &[(String, String)])> {
        let begins: Vec<usize> = (0..self.instructions.len())
            .filter(|&index| self.instructions[index].0 == "FROM")
            .collect();
        let ends = begins.iter().skip(1).copied().chain([self.instructions.len()]);
        let stages = begins.iter().zip(ends);
        stages
            .map(|(&begin, end)| {
                (self.instructions[begin].1.as_str(), &self.instructions[begin + 1..end])
            })
            .collect()
    }

    /// The stages that become images: those that nothing else is built on.
    pub(crate) fn images(&self) -> Vec<(&str, &[(String, String)])> {
        let stages = self.stages();
        let named = |from: &str| from.split_once(" AS ").map(|(_, name)| name.to_owned());
        let is_used = |name: &str| {
            let of_another = stages.iter().any(|(from, _)| from.split(' ').next() == Some(name));
            of_another || self.each("COPY").any(|copy| copy.contains(&format!("--from={name} ")))
        };
        stages
            .clone()
            .into_iter()
            .filter(|(from, _)| !named(from).is_some_and(|name| is_used(&name)))
            .collect()
    }
}
