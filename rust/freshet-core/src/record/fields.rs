//! What a format found in a record: one slot per field that the stream asks for.

/// What stands in a slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Captured {
    Missing,
    Null,
    Bool(bool),
    Integer(i64),
    /// A whole number above `i64::MAX`.
    Unsigned(u64),
    Float(f64),
    /// Start and end in the shared text buffer.
    Text(usize, usize),
    /// An object or a list.
    Nested,
}

/// The slots of one record and the buffer that their texts share.
#[derive(Debug)]
pub(super) struct Fields {
    slots: Vec<Captured>,
    texts: String,
}

/// A detail quotes this many characters of a text at the most.
const MAX_QUOTED: usize = 64;

impl Fields {
    pub(super) fn new(slots: usize) -> Self {
        Self { slots: vec![Captured::Missing; slots], texts: String::new() }
    }

    pub(super) fn clear(&mut self) {
        self.slots.fill(Captured::Missing);
        self.texts.clear();
    }

    pub(super) fn get(&self, slot: usize) -> Captured {
        self.slots[slot]
    }

    pub(super) fn set(&mut self, slot: usize, captured: Captured) {
        self.slots[slot] = captured;
    }

    pub(super) fn set_text(&mut self, slot: usize, text: &str) {
        let start = self.texts.len();
        self.texts.push_str(text);
        self.slots[slot] = Captured::Text(start, self.texts.len());
    }

    /// The text in a slot; empty where there is none.
    pub(super) fn text(&self, slot: usize) -> &str {
        match self.slots[slot] {
            Captured::Text(start, end) => &self.texts[start..end],
            _ => "",
        }
    }

    /// Hands the slot's value to `write` as text; false where it has no value that names anything.
    pub(super) fn write_text(&self, slot: usize, mut write: impl FnMut(&str)) -> bool {
        match self.slots[slot] {
            Captured::Text(..) => write(self.text(slot)),
            Captured::Integer(number) => write(&number.to_string()),
            Captured::Unsigned(number) => write(&number.to_string()),
            Captured::Float(number) => write(&number.to_string()),
            Captured::Bool(truth) => write(if truth { "true" } else { "false" }),
            Captured::Missing | Captured::Null | Captured::Nested => return false,
        }
        true
    }

    pub(super) fn describe(&self, slot: usize) -> String {
        match self.slots[slot] {
            Captured::Missing => "missing".to_owned(),
            Captured::Null => "null".to_owned(),
            Captured::Nested => "an object or a list".to_owned(),
            Captured::Text(..) => {
                let text = self.text(slot);
                let mut quoted: String = text.chars().take(MAX_QUOTED).collect();
                if quoted.len() < text.len() {
                    quoted.push('…');
                }
                format!("the text {quoted:?}")
            }
            Captured::Bool(_)
            | Captured::Integer(_)
            | Captured::Unsigned(_)
            | Captured::Float(_) => {
                let mut described = String::new();
                self.write_text(slot, |text| described.push_str(text));
                described
            }
        }
    }
}
