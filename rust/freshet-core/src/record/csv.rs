//! CSV records: RFC 4180, strictly, one row or more per record.
//!
//! Beyond the RFC: UTF-8, tabs and line feeds without a carriage return are accepted; empty lines, a byte order mark
//! and the line `sep=;`, by which spreadsheets say their delimiter, are passed over; and the stream's dialect.
//! The `csv` crate would take what the RFC does not allow, such as a stray quote; it serves the tests as a second
//! opinion.

use std::fmt;
use std::ops::Range;

use super::bytes::{find_special, line_end_length};
use super::fields::Fields;
use super::path::Path;
use super::stream::CsvLayout;
use super::{KEPT_BYTES, Rejection, RowReader, RowSink, text_of};
use crate::wire::ReasonCode;

/// Reads CSV records.
pub(super) struct CsvReader {
    delimiter: u8,
    dialect: Dialect,
    columns: Columns,
    /// For every column the slots of the fields that stand there.
    slots: Vec<Vec<usize>>,
}

/// In what the records differ from the RFC.
#[derive(Clone, Copy)]
struct Dialect {
    quote: u8,
    comment: Option<u8>,
    skip_lines: usize,
    trim: bool,
}

impl Dialect {
    /// The configuration admits ASCII characters only.
    fn new(layout: &CsvLayout) -> Self {
        Self {
            quote: u8::try_from(layout.quote).unwrap_or(b'"'),
            comment: layout.comment.and_then(|comment| u8::try_from(comment).ok()),
            skip_lines: layout.skip_lines,
            trim: layout.trim,
        }
    }

    /// Whether cells are as in the RFC.
    fn has_usual_cells(self) -> bool {
        self.quote == USUAL_QUOTE && !self.trim
    }
}

const USUAL_QUOTE: u8 = b'"';

/// How the columns are known.
enum Columns {
    /// By names that the configuration gives to all of them.
    Named(usize),
    /// By their numbers; a row has at least as many as the greatest number.
    Numbered,
    /// By names that the first row of each record gives.
    Headed {
        /// The column of each slot.
        wanted: Vec<String>,
        /// The first row, with its line end, that `slots` was made from.
        header: String,
    },
}

impl CsvReader {
    /// The position of a path in the list is its slot.
    pub(super) fn new(paths: &[&Path], layout: &CsvLayout) -> Self {
        let names: Vec<String> = paths.iter().map(|path| path.name()).collect();
        let (columns, slots) = if layout.header {
            (Columns::Headed { wanted: names, header: String::new() }, Vec::new())
        } else if layout.columns.is_empty() {
            (Columns::Numbered, slots_by_number(&names))
        } else {
            (Columns::Named(layout.columns.len()), slots_by_name(&names, &layout.columns))
        };
        // The configuration admits ASCII characters only.
        let delimiter = u8::try_from(layout.delimiter).unwrap_or(b',');
        Self { delimiter, dialect: Dialect::new(layout), columns, slots }
    }
}

fn slots_by_name(wanted: &[String], columns: &[String]) -> Vec<Vec<usize>> {
    let slots_of =
        |column: &String| (0..wanted.len()).filter(|slot| wanted[*slot] == *column).collect();
    columns.iter().map(slots_of).collect()
}

/// Columns are counted from 1.
fn slots_by_number(wanted: &[String]) -> Vec<Vec<usize>> {
    let numbers: Vec<usize> = wanted.iter().map(|number| number.parse().unwrap_or(0)).collect();
    let last = numbers.iter().copied().max().unwrap_or(0);
    let slots_of = |column| (0..numbers.len()).filter(|slot| numbers[*slot] == column).collect();
    (1..=last).map(slots_of).collect()
}

impl RowReader for CsvReader {
    fn read(
        &mut self,
        record: &[u8],
        fields: &mut Fields,
        rows: impl RowSink,
    ) -> Result<(), Rejection> {
        let text = text_of(record)?;
        if self.dialect.has_usual_cells() {
            self.read_rows(Cells::<true>::new(text, self.delimiter, self.dialect), fields, rows)
        } else {
            self.read_rows(Cells::<false>::new(text, self.delimiter, self.dialect), fields, rows)
        }
    }
}

impl CsvReader {
    fn read_rows<const USUAL: bool>(
        &mut self,
        mut cells: Cells<'_, USUAL>,
        fields: &mut Fields,
        mut rows: impl RowSink,
    ) -> Result<(), Rejection> {
        cells.begin_record();
        self.read_header(&mut cells)?;
        let mut width = match self.columns {
            Columns::Named(width) => Some(width),
            Columns::Headed { .. } => Some(self.slots.len()),
            Columns::Numbered => None,
        };
        while cells.begin_row() {
            let start = cells.at;
            fields.clear();
            if let Err(fault) = self.read_row(&mut cells, fields) {
                let rejection = cells.rejection(fault);
                cells.skip_line();
                rows.bad_row(start..cells.at, rejection)?;
                continue;
            }
            let expected = *width.get_or_insert(cells.column);
            if cells.column != expected || expected < self.slots.len() {
                let expected = expected.max(self.slots.len());
                let detail = format!(
                    "row {}: has {} columns instead of {expected}",
                    cells.row, cells.column
                );
                let rejection = Rejection::new(ReasonCode::InvalidCsv, detail);
                rows.bad_row(start..cells.at, rejection)?;
                continue;
            }
            fields.set_place(&(start..cells.at));
            rows.row(fields.row(cells.text)).map_err(|rejection| rejection.in_row(cells.row))?;
        }
        Ok(())
    }

    /// Reads the first row of a record that begins with the names of its columns.
    fn read_header<const USUAL: bool>(
        &mut self,
        cells: &mut Cells<'_, USUAL>,
    ) -> Result<(), Rejection> {
        let Columns::Headed { wanted, header } = &mut self.columns else { return Ok(()) };
        if !cells.begin_row() {
            return Ok(());
        }
        let start = cells.at;
        if !header.is_empty() && cells.text[start..].starts_with(&*header) {
            cells.at += header.len();
            return Ok(());
        }
        let names = row_of_texts(cells).map_err(|fault| cells.rejection(fault))?;
        let count = |name: &String| names.iter().filter(|other| *other == name).count();
        let row = cells.row;
        if let Some(name) = wanted.iter().find(|name| count(name) != 1) {
            let known = names.join("', '");
            let times = if count(name) == 0 { "no" } else { "more than one" };
            let detail =
                format!("row {row}: there is {times} column '{name}'; there are '{known}'");
            return Err(Rejection::new(ReasonCode::InvalidCsv, detail));
        }
        self.slots = slots_by_name(wanted, &names);
        // Without its line end it could be the beginning of a longer header.
        let written = &cells.text[start..cells.at];
        header.clear();
        if written.ends_with('\n') && written.len() <= KEPT_BYTES {
            header.push_str(written);
        }
        Ok(())
    }

    fn read_row<const USUAL: bool>(
        &self,
        cells: &mut Cells<'_, USUAL>,
        fields: &mut Fields,
    ) -> Result<(), Fault> {
        loop {
            let (cell, last) = cells.next(fields.buffer())?;
            for slot in self.slots.get(cells.column - 1).into_iter().flatten() {
                match &cell {
                    Cell::Empty => fields.set_null(*slot),
                    Cell::Plain(range) => fields.set_text(*slot, range),
                    Cell::Decoded(range) => fields.set_decoded(*slot, range),
                }
            }
            if last {
                return Ok(());
            }
        }
    }
}

fn row_of_texts<const USUAL: bool>(cells: &mut Cells<'_, USUAL>) -> Result<Vec<String>, Fault> {
    let mut names = Vec::new();
    let mut decoded = String::new();
    loop {
        let (cell, last) = cells.next(&mut decoded)?;
        names.push(match cell {
            Cell::Empty => String::new(),
            Cell::Plain(range) => cells.text[range].to_owned(),
            Cell::Decoded(range) => decoded[range].to_owned(),
        });
        if last {
            return Ok(names);
        }
    }
}

/// The cells of a text that may be laid out like that, row by row, a header among them; what is no row is passed over.
pub(crate) fn csv_rows(text: &str, layout: &CsvLayout) -> Vec<Vec<String>> {
    let delimiter = u8::try_from(layout.delimiter).unwrap_or(b',');
    let mut cells = Cells::<false>::new(text, delimiter, Dialect::new(layout));
    cells.begin_record();
    let mut rows = Vec::new();
    while cells.begin_row() {
        match row_of_texts(&mut cells) {
            Ok(row) => rows.push(row),
            Err(_) => cells.skip_line(),
        }
    }
    rows
}

/// What is wrong with a cell.
#[derive(Debug, Clone, Copy)]
enum Fault {
    StrayQuote,
    AfterQuotes,
    OpenQuotes,
    ControlCharacter(u8),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StrayQuote => f.write_str("a quote inside a cell that does not begin with one"),
            Self::AfterQuotes => {
                f.write_str("something between the closing quote and the end of the cell")
            }
            Self::OpenQuotes => f.write_str("a quoted cell that does not end"),
            Self::ControlCharacter(b'\r') => f.write_str("a carriage return without a line feed"),
            Self::ControlCharacter(byte) => write!(f, "the control character {byte:#04x}"),
        }
    }
}

/// Where the content of a cell stands.
enum Cell {
    Empty,
    /// In the text.
    Plain(Range<usize>),
    /// In the buffer: quotes were doubled.
    Decoded(Range<usize>),
}

/// The cells of a text, one after the other. Where they are `USUAL`, as in the RFC, the code asks for nothing else.
struct Cells<'a, const USUAL: bool> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    delimiter: u8,
    dialect: Dialect,
    /// The row that is read, from 1.
    row: usize,
    /// The cell that is read, from 1.
    column: usize,
}

impl<'a, const USUAL: bool> Cells<'a, USUAL> {
    fn new(text: &'a str, delimiter: u8, dialect: Dialect) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0, delimiter, dialect, row: 0, column: 0 }
    }

    #[inline]
    fn quote(&self) -> u8 {
        if USUAL { USUAL_QUOTE } else { self.dialect.quote }
    }

    #[inline]
    fn trims(&self) -> bool {
        !USUAL && self.dialect.trim
    }

    /// Passes over what is before the first row.
    fn begin_record(&mut self) {
        if self.text.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
        }
        if let [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', delimiter, rest @ ..] =
            &self.bytes[self.at..]
            && line_end_length(rest) > 0
        {
            self.delimiter = *delimiter;
            self.skip_line();
        }
        for _ in 0..self.dialect.skip_lines {
            self.skip_line();
        }
    }

    /// Goes on in the next line.
    fn skip_line(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
    }

    /// Passes over empty lines and comments; false at the end of the text.
    fn begin_row(&mut self) -> bool {
        while self.end_line() || self.end_comment() {}
        self.row += 1;
        self.column = 0;
        self.at < self.bytes.len()
    }

    /// Passes over a line end, if there is one.
    #[inline]
    fn end_line(&mut self) -> bool {
        let length = line_end_length(self.bytes.get(self.at..).unwrap_or_default());
        self.at += length;
        length > 0
    }

    /// Passes over a line that is a comment, if it is one.
    #[inline]
    fn end_comment(&mut self) -> bool {
        let is_comment = self.dialect.comment.is_some()
            && self.bytes.get(self.at).copied() == self.dialect.comment;
        if is_comment {
            self.skip_line();
        }
        is_comment
    }

    /// Reads a cell with the delimiter or line end after it; true for the last one of its row.
    #[inline]
    fn next(&mut self, buffer: &mut String) -> Result<(Cell, bool), Fault> {
        self.column += 1;
        if self.trims() {
            self.skip_blanks();
        }
        let cell = match self.bytes.get(self.at) {
            Some(quote) if *quote == self.quote() => self.quoted(buffer)?,
            _ => self.plain()?,
        };
        if self.trims() {
            self.skip_blanks();
        }
        if self.bytes.get(self.at) == Some(&self.delimiter) {
            self.at += 1;
            return Ok((cell, false));
        }
        if self.end_line() || self.at == self.bytes.len() {
            return Ok((cell, true));
        }
        Err(Fault::AfterQuotes)
    }

    /// Passes over spaces and tabs that do not separate cells.
    fn skip_blanks(&mut self) {
        let is_blank = |byte: u8| matches!(byte, b' ' | b'\t') && byte != self.delimiter;
        while self.bytes.get(self.at).copied().is_some_and(is_blank) {
            self.at += 1;
        }
    }

    #[inline]
    fn plain(&mut self) -> Result<Cell, Fault> {
        let start = self.at;
        loop {
            self.at = find_special(self.bytes, self.at, self.delimiter, self.quote());
            match self.bytes.get(self.at..).unwrap_or_default() {
                [] | [b'\n', ..] | [b'\r', b'\n', ..] => break,
                [delimiter, ..] if *delimiter == self.delimiter => break,
                [b'\t', ..] => self.at += 1,
                [quote, ..] if *quote == self.quote() => return Err(Fault::StrayQuote),
                [control, ..] => return Err(Fault::ControlCharacter(*control)),
            }
        }
        let mut end = self.at;
        if self.trims() {
            end = start + self.text[start..end].trim_end_matches([' ', '\t']).len();
        }
        Ok(if start == end { Cell::Empty } else { Cell::Plain(start..end) })
    }

    fn quoted(&mut self, buffer: &mut String) -> Result<Cell, Fault> {
        let quote = self.quote();
        let mut start = self.at + 1;
        let decoded = buffer.len();
        self.at = start;
        loop {
            self.at = find_special(self.bytes, self.at, quote, quote);
            match self.bytes.get(self.at..).unwrap_or_default() {
                [] => return Err(Fault::OpenQuotes),
                [first, second, ..] if *first == quote && *second == quote => {
                    buffer.push_str(&self.text[start..=self.at]);
                    self.at += 2;
                    start = self.at;
                }
                [first, ..] if *first == quote => break,
                [b'\t' | b'\r' | b'\n', ..] => self.at += 1,
                [control, ..] => return Err(Fault::ControlCharacter(*control)),
            }
        }
        let end = self.at;
        self.at += 1;
        if buffer.len() == decoded {
            return Ok(if start == end { Cell::Empty } else { Cell::Plain(start..end) });
        }
        buffer.push_str(&self.text[start..end]);
        Ok(Cell::Decoded(decoded..buffer.len()))
    }

    fn rejection(&self, fault: Fault) -> Rejection {
        let detail = format!("row {}, column {}: {fault}", self.row, self.column);
        Rejection::new(ReasonCode::InvalidCsv, detail)
    }
}
