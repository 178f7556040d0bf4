//! CSV samples: how they are laid out, and their columns.

use super::metrics::Writing;
use super::node::{Scalar, number_of};
use super::table::{Filling, Table};
use crate::record::{CsvLayout, csv_rows};

/// What separates cells, the likelier ones first.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];
/// So many lines may stand before the header.
const MOST_LINES_BEFORE: usize = 20;
/// What lines of comments begin with.
const COMMENT: char = '#';

/// How a CSV text is laid out.
#[derive(Debug, Clone)]
pub(super) struct Csv {
    layout: CsvLayout,
    rows: Vec<Vec<String>>,
    decimal_comma: bool,
    /// Whether the text says its delimiter itself (`sep=;`).
    says_delimiter: bool,
}

impl Csv {
    /// The layout of a text; `None` for what has no columns.
    pub(super) fn of(text: &str) -> Option<Self> {
        let comment = text.lines().any(|line| line.starts_with(COMMENT)).then_some(COMMENT);
        let layouts = DELIMITERS.map(|delimiter| CsvLayout {
            columns: Vec::new(),
            header: false,
            delimiter,
            quote: '"',
            comment,
            skip_lines: 0,
            trim: false,
        });
        let found = layouts.into_iter().filter_map(|layout| Self::laid_out(text, layout));
        // Of two that fit as well the first one.
        found.rev().max_by_key(Self::regularity)
    }

    fn laid_out(text: &str, mut layout: CsvLayout) -> Option<Self> {
        layout.trim = has_blanks_around(text, &layout);
        let width = usual_width(&csv_rows(text, &layout))?;
        let lines_before = (0..=MOST_LINES_BEFORE).find(|lines| {
            let layout = CsvLayout { skip_lines: *lines, ..layout.clone() };
            let first = csv_rows(text, &layout).into_iter().next();
            first.is_some_and(|row| row.len() == width && filled(&row) * 2 > width)
        })?;
        layout.skip_lines = lines_before;
        let rows = csv_rows(text, &layout);
        let decimal_comma = layout.delimiter != ',' && has_decimal_commas(&rows);
        let writing = Writing { is_text: true, decimal_comma };
        layout.header = begins_with_header(&rows, writing);
        let says_delimiter = text.trim_start_matches('\u{feff}').to_lowercase().starts_with("sep=");
        Some(Self { layout, rows, decimal_comma, says_delimiter })
    }

    /// Whether all lines are rows of one width, and how many cells those have that are.
    fn regularity(&self) -> (bool, usize) {
        let width = self.rows.first().map_or(0, Vec::len);
        let regular = self.rows.iter().filter(|row| row.len() == width).count();
        let are_all = self.layout.skip_lines == 0 && regular == self.rows.len();
        (are_all, regular * width)
    }

    /// Whether the lines of a text cannot be records by themselves.
    pub(super) fn is_one_record(&self) -> bool {
        let CsvLayout { header, skip_lines, comment, .. } = self.layout;
        header || skip_lines > 0 || comment.is_some() || self.says_delimiter
    }

    pub(super) fn writing(&self) -> Writing {
        Writing { is_text: true, decimal_comma: self.decimal_comma }
    }

    pub(super) fn table(&self) -> Table {
        let names: Vec<String> = match self.rows.first().filter(|_| self.layout.header) {
            Some(header) => header.clone(),
            None => (1..=self.rows.first().map_or(0, Vec::len)).map(|n| n.to_string()).collect(),
        };
        let mut filling = Filling::new(|_, keys| keys.join("."));
        let data = self.rows.iter().skip(usize::from(self.layout.header));
        for row in data.filter(|row| row.len() == names.len()) {
            if !filling.begin_row() {
                break;
            }
            let is_named_once = |name: &&String| {
                !name.is_empty() && names.iter().filter(|other| other == name).count() == 1
            };
            for (name, cell) in names.iter().zip(row).filter(|(name, _)| is_named_once(name)) {
                let empty = cell.is_empty();
                let value = if empty { Scalar::Null } else { Scalar::Text(cell.clone()) };
                filling.set(0, std::slice::from_ref(name), value);
            }
        }
        filling.end()
    }

    /// The settings, with what is known of them.
    pub(super) fn settings(&self) -> Vec<String> {
        let CsvLayout { header, delimiter, comment, skip_lines, trim, .. } = &self.layout;
        let width = self.rows.first().map_or(0, Vec::len);
        let regular = self.rows.iter().filter(|row| row.len() == width).count();
        let mut lines = vec![
            format!("# {regular} of {} rows have {width} columns", self.rows.len()),
            "format = \"csv\"".to_owned(),
        ];
        if *header {
            lines.push("# the first row names the columns".to_owned());
            lines.push("header = true".to_owned());
        } else {
            let advice =
                "# no row names the columns: they have numbers; columns = [\"…\"] gives them names";
            lines.push(advice.to_owned());
        }
        if *delimiter != ',' {
            lines.push(format!("delimiter = {}", super::render::quoted(&delimiter.to_string())));
        }
        if let Some(comment) = comment {
            lines.push(format!("comment = {}", super::render::quoted(&comment.to_string())));
        }
        if *skip_lines > 0 {
            lines.push("# lines that are no rows".to_owned());
            lines.push(format!("skip_lines = {skip_lines}"));
        }
        if *trim {
            lines.push("# spaces stand around some cells".to_owned());
            lines.push("trim = true".to_owned());
        }
        if self.decimal_comma {
            lines.push("# numbers such as 21,5".to_owned());
            lines.push("decimal_comma = true".to_owned());
        }
        lines
    }
}

fn filled(row: &[String]) -> usize {
    row.iter().filter(|cell| !cell.is_empty()).count()
}

/// How many cells most rows have; one column is none.
fn usual_width(rows: &[Vec<String>]) -> Option<usize> {
    let count = |width: usize| rows.iter().filter(|row| row.len() == width).count();
    let width = rows.iter().map(Vec::len).max_by_key(|width| count(*width))?;
    (width > 1 && count(width) * 2 > rows.len()).then_some(width)
}

fn has_blanks_around(text: &str, layout: &CsvLayout) -> bool {
    let has_blanks = |cell: &String| *cell != cell.trim_matches([' ', '\t']);
    csv_rows(text, layout).iter().flatten().any(has_blanks)
}

fn has_decimal_commas(rows: &[Vec<String>]) -> bool {
    let has_comma = |cell: &&String| {
        let digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = |(before, after): (&str, &str)| {
            digits(before.trim_start_matches(['-', '+'])) && digits(after)
        };
        cell.trim().split_once(',').is_some_and(is_number)
    };
    let has_point = |cell: &&String| cell.contains('.') && number_of(cell.trim()).is_some();
    let cells = || rows.iter().flatten();
    cells().any(|cell| has_comma(&cell)) && !cells().any(|cell| has_point(&cell))
}

/// Whether the first row has names, and the others have numbers where it has none.
fn begins_with_header(rows: &[Vec<String>], writing: Writing) -> bool {
    let Some((first, others)) = rows.split_first() else { return false };
    let is_number = |cell: &String| writing.number(&Scalar::Text(cell.clone())).is_some();
    let is_name = |cell: &String| {
        !cell.is_empty()
            && !is_number(cell)
            && first.iter().filter(|other| *other == cell).count() == 1
    };
    let has_numbers =
        |column: usize| others.iter().any(|row| row.get(column).is_some_and(is_number));
    first.iter().all(is_name) && (0..first.len()).any(has_numbers)
}
