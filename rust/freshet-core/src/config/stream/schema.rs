//! The schemas of records: one of all, or those that records name.

use std::path::{Path as FilePath, PathBuf};

use super::super::error::ConfigError;
use super::super::section::{Located, Section};
use crate::record::{AvroSchema, Format, Framing, ProtobufMessage, ProtobufSchema, SchemaRegistry};

/// With which schemas the records of a stream are read.
#[derive(Default)]
pub(super) struct Schemas {
    /// That of all records of Avro.
    pub(super) schema: Option<AvroSchema>,
    /// The type of all messages of Protobuf.
    pub(super) message: Option<ProtobufMessage>,
    /// Who knows those that records name.
    pub(super) registry: Option<SchemaRegistry>,
}

/// Where the schema of all records stands.
enum Place {
    Inline(Located<String>),
    File(Located<PathBuf>),
}

/// What stands before the content of each value.
pub(super) fn read_framing(section: &Section<'_>, format: Format) -> Result<Framing, ConfigError> {
    if !matches!(format, Format::Json | Format::Avro | Format::Protobuf) {
        let why = "has no effect unless format = \"json\", \"avro\" or \"protobuf\"";
        section.refuse("framing", why)?;
    }
    Ok(Framing::ALL[section.choice("framing")?])
}

impl Schemas {
    /// The schema of all records, from its file or as it stands in the configuration; or who is asked for it, where
    /// each record names its own.
    pub(super) fn read(
        section: &Section<'_>,
        format: Format,
        framing: Framing,
        registry: Option<&SchemaRegistry>,
    ) -> Result<Self, ConfigError> {
        let has_schema = matches!(format, Format::Avro | Format::Protobuf);
        if !has_schema {
            for key in ["schema", "schema_file"] {
                section.refuse(key, "has no effect unless format = \"avro\" or \"protobuf\"")?;
            }
        }
        if format != Format::Protobuf {
            section.refuse("message", "has no effect unless format = \"protobuf\"")?;
        }
        if !has_schema {
            return Ok(Self::default());
        }
        let inline = section.optional_text("schema")?;
        let place = match (inline, section.optional_file_path("schema_file")?) {
            (Some(inline), None) => Place::Inline(inline),
            (None, Some(file)) => Place::File(file),
            (Some(_), Some(file)) => {
                return Err(file.error("is set beside schema: set one of them"));
            }
            (None, None) if framing == Framing::None => return Err(section.missing("schema_file")),
            (None, None) => return Self::of_registry(section, registry),
        };
        if format == Format::Avro {
            return Ok(Self { schema: Some(read_avro(place)?), ..Self::default() });
        }
        Ok(Self { message: Some(read_protobuf(section, place)?), ..Self::default() })
    }

    fn of_registry(
        section: &Section<'_>,
        registry: Option<&SchemaRegistry>,
    ) -> Result<Self, ConfigError> {
        section.refuse(
            "message",
            "has no effect: each record says which message of its schema it is",
        )?;
        let registry = registry.ok_or_else(|| {
            let message = "takes the schemas of a registry: set url in [schema_registry] of freshet.toml; or give this \
                           stream the schema of all its records, as schema_file or schema";
            section.error("framing", message)
        })?;
        Ok(Self { registry: Some(registry.clone()), ..Self::default() })
    }
}

fn read_avro(place: Place) -> Result<AvroSchema, ConfigError> {
    let found = match place {
        Place::Inline(inline) => inline.convert(|text| text.parse())?,
        Place::File(file) => file.convert(|path| {
            let text = read_file(&path)?;
            text.parse().map_err(|reason: String| of_file(&path, &reason))
        })?,
    };
    Ok(found.value)
}

fn read_protobuf(section: &Section<'_>, place: Place) -> Result<ProtobufMessage, ConfigError> {
    let schema = match place {
        Place::Inline(inline) => inline.convert(|text| ProtobufSchema::of_source(&text, &[]))?,
        Place::File(file) => file.convert(|path| read_protobuf_file(&path))?,
    };
    let schema = schema.value;
    match section.optional_text("message")? {
        Some(name) => Ok(name.convert(|name| schema.message(Some(&name)))?.value),
        None => schema.message(None).map_err(|reason| section.error("message", reason)),
    }
}

/// Source text by its name, and else a set of descriptors.
fn read_protobuf_file(path: &FilePath) -> Result<ProtobufSchema, String> {
    let schema = if path.extension().is_some_and(|extension| extension == "proto") {
        let folder = path.parent().unwrap_or(FilePath::new("")).to_owned();
        let open = move |name: &str| super::super::read(&folder.join(name)).ok();
        ProtobufSchema::of_file(&read_file(path)?, open)
    } else {
        let bytes = std::fs::read(path)
            .map_err(|error| of_file(path, &format!("cannot read the file: {error}")))?;
        ProtobufSchema::of_descriptors(&bytes)
    };
    schema.map_err(|reason| of_file(path, &reason))
}

fn read_file(path: &FilePath) -> Result<String, String> {
    let found = super::super::read(path);
    found.map_err(|reason| of_file(path, &format!("cannot read the file: {reason}")))
}

fn of_file(path: &FilePath, reason: &str) -> String {
    format!("{}: {reason}", path.display())
}
