//! Columns as others hand them over, where one thing may come in several types, and each of them may
//! have nulls. What does not suit is a sentence that names the column.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, Float64Array, Int64Array, LargeBinaryArray,
    OffsetSizeTrait, RecordBatch, StringViewArray, StructArray,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Fields};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error;

/// Columns by their names: a table's, or a structure's.
pub struct Group {
    /// What stands before the columns' names.
    path: String,
    columns: StructArray,
}

impl Group {
    pub fn of_table(batch: &RecordBatch) -> Self {
        Self {
            path: String::new(),
            columns: batch.clone().into(),
        }
    }

    /// Whether it is there, be it once or more.
    pub fn has(&self, name: &str) -> bool {
        self.columns.column_by_name(name).is_some()
    }

    pub fn texts(&self, name: &str) -> Result<Column<Bytes>, String> {
        self.column(name)?.texts()
    }

    pub fn integers(&self, name: &str) -> Result<Column<Int64Array>, String> {
        self.column(name)?.integers()
    }

    pub fn floats(&self, name: &str) -> Result<Column<Float64Array>, String> {
        let column = self.column(name)?;
        let floats = match column.values.data_type() {
            DataType::Float64 => column.values.as_primitive::<Float64Type>().clone(),
            DataType::Null => Float64Array::new_null(column.values.len()),
            _ => return Err(column.of_other_type("double")),
        };
        Ok(column.with(floats))
    }

    pub fn group(&self, name: &str) -> Result<Self, String> {
        self.column(name)?.group()
    }

    /// Which of its rows are there.
    pub fn presence(&self) -> Column<Presence> {
        Column {
            path: self.path.clone(),
            values: self.columns.nulls().cloned(),
        }
    }

    /// Where the lists of that name are, and what they hold.
    pub fn lists(&self, name: &str) -> Result<(Column<Lists>, Column<ArrayRef>), String> {
        let column = self.column(name)?;
        match Lists::of(&column.values) {
            Some((lists, items)) => Ok((column.with(lists), column.with(items))),
            None => Err(column.of_other_type("a list")),
        }
    }

    fn column(&self, name: &str) -> Result<Column<ArrayRef>, String> {
        let path = match self.path.as_str() {
            "" => name.to_owned(),
            above => format!("{above}.{name}"),
        };
        match only(self.columns.fields(), name) {
            Ok(Some(at)) => Ok(Column {
                path,
                values: self.columns.column(at).clone(),
            }),
            Err(count) => Err(format!("there are {count} columns {path:?}; keep one")),
            Ok(None) => Err(format!(
                "there is no column {path:?}; those of citesift.schema() are needed, or of \
                 citesift.schema(\"statements\")"
            )),
        }
    }
}

/// Where the column of that name is, if there is one; and how many there are, if that is more.
pub fn only(fields: &Fields, name: &str) -> Result<Option<usize>, usize> {
    let mut named = (0..fields.len()).filter(|&at| fields[at].name() == name);
    let first = named.next();
    match named.count() {
        0 => Ok(first),
        more => Err(1 + more),
    }
}

/// A column, with its name for messages.
pub struct Column<T> {
    path: String,
    values: T,
}

impl<T> Column<T> {
    /// What is wrong with a value.
    pub fn wrong(&self, what: impl Display) -> String {
        format!("column {:?}: {what}", self.path)
    }

    /// A value that no record lacks.
    pub fn needed<V>(&self, value: Option<V>) -> Result<V, String> {
        value.ok_or_else(|| self.wrong("null, and every record has a value there"))
    }

    fn with<V>(&self, values: V) -> Column<V> {
        Column {
            path: self.path.clone(),
            values,
        }
    }
}

impl Column<ArrayRef> {
    pub fn texts(self) -> Result<Column<Bytes>, String> {
        match Bytes::of(&self.values) {
            Some(bytes) => Ok(self.with(bytes)),
            None => Err(self.of_other_type("string")),
        }
    }

    pub fn integers(self) -> Result<Column<Int64Array>, String> {
        let integers = match self.values.data_type() {
            DataType::Int64 => self.values.as_primitive::<Int64Type>().clone(),
            DataType::Int32 => {
                let short = self.values.as_primitive::<Int32Type>();
                short.unary::<_, Int64Type>(i64::from)
            }
            DataType::Null => Int64Array::new_null(self.values.len()),
            _ => return Err(self.of_other_type("int64")),
        };
        Ok(self.with(integers))
    }

    pub fn group(self) -> Result<Group, String> {
        match self.values.as_struct_opt() {
            Some(columns) => Ok(Group {
                columns: columns.clone(),
                path: self.path,
            }),
            None => Err(self.of_other_type("a struct")),
        }
    }

    fn of_other_type(&self, needed: &str) -> String {
        let found = self.values.data_type();
        self.wrong(format_args!("of type {found}, where {needed} is needed"))
    }
}

impl Column<Bytes> {
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        self.values.value(row)
    }

    pub fn text(&self, row: usize) -> Result<Option<&str>, String> {
        let text = self.get(row).map(str::from_utf8).transpose();
        text.map_err(|error| self.wrong(error))
    }

    /// A text as bytes that were looked at.
    pub fn utf8(&self, row: usize) -> Result<Option<&[u8]>, String> {
        Ok(self.text(row)?.map(str::as_bytes))
    }

    /// A text that is one of some words.
    pub fn word<W: for<'a> Deserialize<'a>>(&self, row: usize) -> Result<Option<W>, String> {
        let Some(word) = self.text(row)? else {
            return Ok(None);
        };
        let word = W::deserialize(word.into_deserializer());
        word.map(Some).map_err(|error: Error| self.wrong(error))
    }
}

impl Column<Int64Array> {
    /// A number that the record's type can hold.
    pub fn get<N: TryFrom<i64>>(&self, row: usize) -> Result<Option<N>, String> {
        if self.values.is_null(row) {
            return Ok(None);
        }
        let number = self.values.value(row);
        match N::try_from(number) {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(self.out_of_range(number)),
        }
    }

    /// A number that a record may have there.
    pub fn within<N: TryFrom<i64> + PartialOrd + Copy + Display>(
        &self,
        row: usize,
        range: RangeInclusive<N>,
    ) -> Result<Option<N>, String> {
        match self.get(row)? {
            Some(number) if !range.contains(&number) => Err(self.out_of_range(number)),
            number => Ok(number),
        }
    }

    fn out_of_range(&self, number: impl Display) -> String {
        self.wrong(format_args!("{number} is out of range"))
    }
}

impl Column<Float64Array> {
    pub fn get(&self, row: usize) -> Option<f64> {
        self.values.is_valid(row).then(|| self.values.value(row))
    }
}

/// Which rows have a value.
pub type Presence = Option<NullBuffer>;

impl Column<Presence> {
    pub fn check(&self, row: usize) -> Result<(), String> {
        let is_there = self.values.as_ref().is_none_or(|rows| rows.is_valid(row));
        self.needed(is_there.then_some(()))
    }
}

/// Where the lists of a column end.
pub struct Lists {
    ends: Vec<usize>,
    presence: Presence,
}

impl Lists {
    /// These, and what they hold.
    fn of(array: &dyn Array) -> Option<(Self, ArrayRef)> {
        let (ends, items) = match array.data_type() {
            DataType::List(_) => {
                let lists = array.as_list::<i32>();
                (ends_of(lists.value_offsets()), lists.values())
            }
            DataType::LargeList(_) => {
                let lists = array.as_list::<i64>();
                (ends_of(lists.value_offsets()), lists.values())
            }
            _ => return None,
        };
        let presence = array.nulls().cloned();
        Some((Self { ends, presence }, items.clone()))
    }
}

fn ends_of<O: OffsetSizeTrait>(ends: &[O]) -> Vec<usize> {
    ends.iter().map(|end| end.as_usize()).collect()
}

impl Column<Lists> {
    /// Which items are a row's.
    pub fn get(&self, row: usize) -> Result<Range<usize>, String> {
        let lists = &self.values;
        let is_there = lists
            .presence
            .as_ref()
            .is_none_or(|rows| rows.is_valid(row));
        self.needed(is_there.then(|| lists.ends[row]..lists.ends[row + 1]))
    }
}

/// A column of texts as bytes: that a batch's texts are UTF-8 is not taken for granted.
pub enum Bytes {
    Small(BinaryArray),
    Large(LargeBinaryArray),
    View(BinaryViewArray),
    Null,
}

impl Bytes {
    pub fn of(array: &dyn Array) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Utf8 => Self::Small(array.as_string::<i32>().clone().into()),
            DataType::LargeUtf8 => Self::Large(array.as_string::<i64>().clone().into()),
            DataType::Utf8View => {
                let texts: &StringViewArray = array.as_string_view();
                Self::View(texts.clone().to_binary_view())
            }
            DataType::Binary => Self::Small(array.as_binary().clone()),
            DataType::LargeBinary => Self::Large(array.as_binary().clone()),
            DataType::BinaryView => Self::View(array.as_binary_view().clone()),
            DataType::Null => Self::Null,
            _ => return None,
        })
    }

    /// About so many bytes, all rows together.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Small(array) => between(array.value_offsets()),
            Self::Large(array) => between(array.value_offsets()),
            Self::View(array) => array.total_buffer_bytes_used(),
            Self::Null => 0,
        }
    }

    pub fn value(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::Small(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Large(array) => array.is_valid(row).then(|| array.value(row)),
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Null => None,
        }
    }
}

fn between<O: OffsetSizeTrait>(ends: &[O]) -> usize {
    match ends {
        [first, .., last] => last.as_usize().saturating_sub(first.as_usize()),
        _ => 0,
    }
}
