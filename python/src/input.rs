//! The rows of a batch as records of a container: which columns hold their text, their address and
//! their place.

use std::borrow::Cow;

use arrow_array::{Array, RecordBatch};
use citesift::Config;
use citesift::input::{Origin, RecordName, Text};
use citesift::job::{Found, Spans, Take as _};
use citesift::model::NotRead;

use crate::given::{Bytes, only};
use crate::table::{Columns, Table};

/// Where the rows' places stand, if they have any.
#[derive(Clone, Debug, Default)]
pub struct Places {
    pub path: Option<String>,
    pub record: Option<String>,
}

/// Parses every row, in order.
///
/// # Errors
/// The sentence that says what to change.
pub fn parse(
    batches: &[RecordBatch],
    config: &Config,
    places: &Places,
    columns: Columns,
) -> Result<RecordBatch, String> {
    let mut spans = Spans::new(config);
    let mut table = Table::new(columns);
    let inputs = batches.iter().map(|batch| Input::of(batch, config, places));
    let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
    let bytes = inputs.iter().map(|input| input.text.bytes()).sum::<usize>();
    table.reserve(bytes.min(MOST_RESERVED));
    for input in &inputs {
        input.parse(&mut spans, &mut table);
    }
    table.end();
    table.take_batch().map_err(|error| error.to_string())
}

/// Bytes of text for which room is made at once: views can name one text again and again, and with it
/// more than any machine holds.
const MOST_RESERVED: usize = 256 << 20;

/// The columns of a batch.
struct Input {
    rows: usize,
    text: Bytes,
    url: Option<Bytes>,
    path: Option<Bytes>,
    record: Option<Bytes>,
}

impl Input {
    fn of(batch: &RecordBatch, config: &Config, places: &Places) -> Result<Self, String> {
        let fields = &config.fields;
        let named = |option, name: &Option<String>| {
            let column = |name| needed(batch, option, name);
            name.as_deref().map(column).transpose()
        };
        Ok(Self {
            rows: batch.num_rows(),
            text: needed(batch, "text", &fields.text)?,
            url: match &fields.url {
                None => column(batch, "url", "url")?,
                url => named("url", url)?,
            },
            path: named("path", &places.path)?,
            record: named("record", &places.record)?,
        })
    }

    fn parse<'a>(&'a self, spans: &mut Spans, table: &mut Table) {
        let mut origin = Origin::default();
        for row in 0..self.rows {
            let value = |column: &'a Option<Bytes>| column.as_ref()?.value(row);
            if let Some(path) = &self.path {
                let path = path.value(row).unwrap_or_default();
                if path != origin.path.as_bytes() {
                    origin = Origin::of_source(String::from_utf8_lossy(path).into_owned());
                }
            }
            match self.text.value(row) {
                Some(text) => {
                    let record = Text {
                        text: Cow::Borrowed(text),
                        is_utf8: false,
                        stored: None,
                        offset: 0,
                        record: RecordName::from(value(&self.record)),
                        url: value(&self.url).map(Cow::Borrowed),
                        date: None,
                        meta: None,
                    };
                    spans.record(&record, &origin, table);
                }
                None => table.take(Found::NotRead(NotRead::NoText)),
            }
            table.next_row();
        }
    }
}

fn needed(batch: &RecordBatch, option: &str, name: &str) -> Result<Bytes, String> {
    column(batch, option, name)?.ok_or_else(|| {
        let schema = batch.schema();
        let names: Vec<_> = schema.fields().iter().map(|field| field.name()).collect();
        format!("{option}: there is no column {name:?}; name one of {names:?}")
    })
}

/// The column of that name, if there is one.
fn column(batch: &RecordBatch, option: &str, name: &str) -> Result<Option<Bytes>, String> {
    let fields = batch.schema_ref().fields();
    let several = |count| format!("{option}: there are {count} columns {name:?}; keep one");
    let Some(at) = only(fields, name).map_err(several)? else {
        return Ok(None);
    };
    let array = batch.column(at);
    let bytes = Bytes::of(array).ok_or_else(|| {
        let found = array.data_type();
        format!("{option}: the column {name:?} is of type {found}; cast it to string or binary")
    })?;
    Ok(Some(bytes))
}
