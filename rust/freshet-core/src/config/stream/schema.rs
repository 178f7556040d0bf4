//! The schemas of records: one of all, or those that records name.

use std::path::Path as FilePath;

use super::super::error::ConfigError;
use super::super::section::Section;
use crate::record::{AvroSchema, Format, Framing, SchemaRegistry};

/// With which schemas the records of a stream are read.
#[derive(Default)]
pub(super) struct Schemas {
    /// That of all.
    pub(super) schema: Option<AvroSchema>,
    /// Who knows those that records name.
    pub(super) registry: Option<SchemaRegistry>,
}

/// What stands before the content of each value.
pub(super) fn read_framing(section: &Section<'_>, format: Format) -> Result<Framing, ConfigError> {
    if !matches!(format, Format::Json | Format::Avro) {
        let why = "has no effect unless format = \"json\" or \"avro\"";
        section.refuse("framing", why)?;
    }
    Ok(Framing::ALL[section.choice("framing")?])
}

impl Schemas {
    /// Avro's schema, from its file or as it stands in the configuration; or who is asked for it, where each record
    /// names its own.
    pub(super) fn read(
        section: &Section<'_>,
        format: Format,
        framing: Framing,
        registry: Option<&SchemaRegistry>,
    ) -> Result<Self, ConfigError> {
        if format != Format::Avro {
            for key in ["schema", "schema_file"] {
                section.refuse(key, "has no effect unless format = \"avro\"")?;
            }
            return Ok(Self::default());
        }
        let inline = section.optional_text("schema")?;
        let file = section.optional_file_path("schema_file")?;
        let schema = match (inline, file) {
            (Some(inline), None) => inline.convert(|text| text.parse::<AvroSchema>())?.value,
            (None, Some(file)) => file.convert(|path| read_schema_file(&path))?.value,
            (Some(_), Some(file)) => {
                return Err(file.error("is set beside schema: set one of them"));
            }
            (None, None) if framing == Framing::None => return Err(section.missing("schema_file")),
            (None, None) => return Self::of_registry(section, registry),
        };
        Ok(Self { schema: Some(schema), registry: None })
    }

    fn of_registry(
        section: &Section<'_>,
        registry: Option<&SchemaRegistry>,
    ) -> Result<Self, ConfigError> {
        let registry = registry.ok_or_else(|| {
            let message = "takes the schemas of a registry: set url in [schema_registry] of freshet.toml; or give this \
                           stream the schema of all its records, as schema_file or schema";
            section.error("framing", message)
        })?;
        Ok(Self { schema: None, registry: Some(registry.clone()) })
    }
}

fn read_schema_file(path: &FilePath) -> Result<AvroSchema, String> {
    let of_file = |reason: String| format!("{}: {reason}", path.display());
    let text = super::super::read(path)
        .map_err(|reason| of_file(format!("cannot read the file: {reason}")))?;
    text.parse().map_err(of_file)
}
