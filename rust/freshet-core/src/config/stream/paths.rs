//! Places in a record, as the configuration writes them.

use crate::record::{AvroSchema, CsvLayout, Format, InvalidPath, Path, Place, ProtobufMessage};

/// Reads paths, and refuses what the records cannot have.
#[derive(Clone, Copy)]
pub(super) struct Paths<'a> {
    pub(super) format: Format,
    pub(super) csv: &'a CsvLayout,
    /// How many lists the rows are in.
    pub(super) lists: usize,
    pub(super) schema: Option<&'a AvroSchema>,
    pub(super) message: Option<&'a ProtobufMessage>,
}

impl Paths<'_> {
    pub(super) fn parse(self, text: &str) -> Result<Path, String> {
        match self.format {
            Format::Json => self.parse_json(text),
            Format::MessagePack | Format::Cbor => {
                text.parse().map_err(|error: InvalidPath| error.to_string())
            }
            Format::Avro | Format::Protobuf => {
                let path = text.parse().map_err(|error: InvalidPath| error.to_string())?;
                if self.schema.is_some_and(|schema| !schema.has(&path))
                    || self.message.is_some_and(|message| !message.has(&path))
                {
                    return Err(format!("'{text}' is no field of the schema, nor below one"));
                }
                Ok(path)
            }
            Format::Csv => {
                self.check_column(text)?;
                Path::of_name(text).ok_or_else(|| "the name of a column is empty".to_owned())
            }
            Format::Influx => Place::path(text).ok_or_else(|| {
                format!(
                    "'{text}' is not a place in a line: write measurement, timestamp, tag.NAME or field.NAME"
                )
            }),
        }
    }

    fn parse_json(self, text: &str) -> Result<Path, String> {
        let path: Path = text.parse().map_err(|error: InvalidPath| error.to_string())?;
        let lists = self.lists;
        if path.lists_up() > lists {
            let are = if lists == 1 { "list" } else { "lists" };
            return Err(format!(
                "'{text}' steps out of {} lists, and the rows are in {lists} {are}: see 'rows'; a key that is called \
                 '^' is written '\\^'",
                path.lists_up()
            ));
        }
        Ok(path)
    }

    fn check_column(self, name: &str) -> Result<(), String> {
        let columns = &self.csv.columns;
        if self.csv.header || columns.iter().any(|column| column == name) {
            return Ok(());
        }
        if !columns.is_empty() {
            return Err(format!("there is no column '{name}'; there are: {}", columns.join(", ")));
        }
        match name.parse() {
            Ok(1..=MAX_COLUMNS) => Ok(()),
            _ => Err(format!(
                "'{name}' is not the number of a column, 1 to {MAX_COLUMNS}; to use names, list them in 'columns' or \
                 set header = true"
            )),
        }
    }
}

/// More columns have no number.
const MAX_COLUMNS: usize = 10_000;
