//! The schemas that a schema names types of: the registry keeps them under a subject and a version each.

use std::collections::HashSet;

use serde::Deserialize;

use super::client::{Client, Reply};
use super::{Missing, Registered};

/// Where another schema is kept.
#[derive(Deserialize)]
pub(super) struct Reference {
    /// By which the schema that refers to it knows it: of Protobuf the name of a file, of Avro that of a type.
    name: String,
    subject: String,
    version: u32,
}

/// A schema that names more is not read with: each is a request.
const MOST_REFERENCES: usize = 1_000;

/// The names and texts of the schemas that are referred to, directly and by each other, each behind those that it
/// refers to.
pub(super) fn texts(
    client: &Client,
    references: Vec<Reference>,
) -> Result<Vec<(String, String)>, Missing> {
    let mut resolution = Resolution { client, seen: HashSet::new(), texts: Vec::new() };
    resolution.add_all(references)?;
    Ok(resolution.texts)
}

struct Resolution<'a> {
    client: &'a Client,
    seen: HashSet<(String, u32)>,
    texts: Vec<(String, String)>,
}

impl Resolution<'_> {
    fn add_all(&mut self, references: Vec<Reference>) -> Result<(), Missing> {
        references.into_iter().try_for_each(|reference| self.add(reference))
    }

    fn add(&mut self, Reference { name, subject, version }: Reference) -> Result<(), Missing> {
        if !self.seen.insert((subject.clone(), version)) {
            return Ok(());
        }
        if self.seen.len() > MOST_REFERENCES {
            let why = format!("refers to more than {MOST_REFERENCES} others");
            return Err(Missing::Unreadable(why));
        }
        // What is deleted is still what records were written with.
        let path = ["subjects", &subject, "versions", &version.to_string()];
        match self.client.get::<Registered>(&path, Some("deleted=true"))? {
            Reply::Found(registered) => {
                self.add_all(registered.references)?;
                self.texts.push((name, registered.schema));
                Ok(())
            }
            Reply::Unknown => Err(Missing::Unknown(format!(
                "refers to version {version} of '{subject}', which the schema registry does not know"
            ))),
        }
    }
}
