//! The schema of Avro records.

use std::path::Path as FilePath;

use super::super::error::ConfigError;
use super::super::section::Section;
use crate::record::{AvroSchema, Format};

/// The schema of Avro records, from its file or as it stands in the configuration.
pub(super) fn read_schema(
    section: &Section<'_>,
    format: Format,
) -> Result<Option<AvroSchema>, ConfigError> {
    if format != Format::Avro {
        for key in ["schema", "schema_file"] {
            section.refuse(key, "has no effect unless format = \"avro\"")?;
        }
        return Ok(None);
    }
    let inline = section.optional_text("schema")?;
    let file = section.optional_file_path("schema_file")?;
    let schema = match (inline, file) {
        (Some(inline), None) => inline.convert(|text| text.parse::<AvroSchema>())?.value,
        (None, Some(file)) => file.convert(|path| read_schema_file(&path))?.value,
        (Some(_), Some(file)) => return Err(file.error("is set beside schema: set one of them")),
        (None, None) => return Err(section.missing("schema_file")),
    };
    Ok(Some(schema))
}

fn read_schema_file(path: &FilePath) -> Result<AvroSchema, String> {
    let of_file = |reason: String| format!("{}: {reason}", path.display());
    let text = super::super::read(path)
        .map_err(|reason| of_file(format!("cannot read the file: {reason}")))?;
    text.parse().map_err(of_file)
}
