//! A version of a window, wherever it goes: as a message in the topic `windows.<stream>`, as a row in Spark, and as a
//! row in Cassandra. What it consists of is declared once, in [`FIELDS`].

mod fields;
mod message;
mod row;

pub use fields::{FIELDS, FIRST_VERSION, Field, Key, Kind, Part, Value, WindowVersion};
pub use message::{InvalidWindowMessage, WindowMessage, write_key, write_message};
pub use row::{Columns, push_row, spark_schema};
