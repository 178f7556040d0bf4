//! How CSV records are laid out.

use super::super::error::ConfigError;
use super::super::section::Section;
use crate::record::{CsvLayout, Format};

const CSV_ONLY: &str = "has no effect unless format = \"csv\"";

pub(super) fn read_csv_layout(
    section: &Section<'_>,
    format: Format,
) -> Result<CsvLayout, ConfigError> {
    if format != Format::Csv {
        for key in [
            "columns",
            "header",
            "delimiter",
            "quote",
            "comment",
            "skip_lines",
            "trim",
            "decimal_comma",
        ] {
            section.refuse(key, CSV_ONLY)?;
        }
    }
    let columns = section.optional_texts("columns")?;
    let columns = columns.map(|found| found.convert(check_columns)).transpose()?;
    let header = section.flag("header")?;
    if let Some(columns) = columns.as_ref().filter(|_| header) {
        let message = "leave it out: with header = true the records name their columns themselves";
        return Err(columns.error(message));
    }
    let delimiter = section.text("delimiter")?.convert(|text| one_delimiter(&text))?.value;
    let quote = section.text("quote")?;
    let comment = section.optional_text("comment")?;
    if quote.value.starts_with(delimiter) {
        return Err(quote.error("is the delimiter; take another sign for one of them"));
    }
    Ok(CsvLayout {
        columns: columns.map(|found| found.value).unwrap_or_default(),
        header,
        delimiter,
        quote: quote.convert(|text| one_mark(&text))?.value,
        comment: comment
            .map(|found| found.convert(|text| one_mark(&text)))
            .transpose()?
            .map(|c| c.value),
        skip_lines: section.integer("skip_lines")?,
        trim: section.flag("trim")?,
    })
}

fn check_columns(columns: Vec<String>) -> Result<Vec<String>, String> {
    if columns.is_empty() {
        return Err("name all columns, such as [\"timestamp\", \"value\"]".to_owned());
    }
    let is_twice = |name: &&String| columns.iter().filter(|other| other == name).count() > 1;
    match columns.iter().find(is_twice) {
        Some(name) => Err(format!("'{name}' is there twice")),
        None => Ok(columns),
    }
}

fn one_delimiter(text: &str) -> Result<char, String> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(delimiter), None)
            if matches!(delimiter, ' ' | '\t')
                || delimiter.is_ascii_punctuation() && !"\".+-".contains(delimiter) =>
        {
            Ok(delimiter)
        }
        _ => {
            Err("a delimiter is a space, a tab or one punctuation mark that is no part of a number or a quoted cell"
                .to_owned())
        }
    }
}

fn one_mark(text: &str) -> Result<char, String> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(mark), None) if mark.is_ascii_punctuation() => Ok(mark),
        _ => Err("is not one punctuation mark".to_owned()),
    }
}
