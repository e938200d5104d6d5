//! Columns under construction. Texts are held as the bytes they are cut from, and whether these are
//! UTF-8 is looked at once for a whole column, when it is finished.
//!
//! Arrow's own builders would do for numbers and lists. Theirs for texts takes `str`, which spans
//! are not, and ends the process by a panic behind 2 GiB; here that is an error.

use std::sync::Arc;

use arrow_array::builder::PrimitiveBuilder;
use arrow_array::types::{ArrowPrimitiveType, Float64Type, Int32Type, Int64Type};
use arrow_array::{ArrayRef, BinaryArray, ListArray, StringArray, StructArray};
use arrow_buffer::{
    ArrowNativeType, Buffer, NullBuffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer,
};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields};

/// A column of numbers.
pub type Numbers<T> = PrimitiveBuilder<T>;
pub type Longs = Numbers<Int64Type>;
pub type Ints = Numbers<Int32Type>;
pub type Doubles = Numbers<Float64Type>;

/// What becomes of a column.
pub type Finished = Result<ArrayRef, ArrowError>;

/// Adds a count. The grammar takes none for one that has no place here.
pub fn count(column: &mut Longs, count: Option<u64>) {
    column.append_option(count.map(signed));
}

/// A count or a number of bytes, which never fill 63 bits.
pub fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The numbers of a column.
pub fn numbers<T: ArrowPrimitiveType>(mut column: Numbers<T>) -> ArrayRef {
    Arc::new(column.finish())
}

/// Where the values of each row end; one row more than fits is an error at the end.
struct Ends {
    ends: Vec<i32>,
    is_over: bool,
}

impl Default for Ends {
    fn default() -> Self {
        Self {
            ends: vec![0],
            is_over: false,
        }
    }
}

impl Ends {
    fn push(&mut self, end: usize) {
        let last = self.ends.last().copied().unwrap_or_default();
        self.ends.push(i32::try_from(end).unwrap_or(last));
        self.is_over |= i32::try_from(end).is_err();
    }

    fn bytes(&self) -> usize {
        size_of_val(self.ends.as_slice())
    }

    fn finish(self) -> Result<OffsetBuffer<i32>, ArrowError> {
        match self.is_over {
            true => Err(ArrowError::ComputeError(TOO_MUCH.to_owned())),
            false => Ok(OffsetBuffer::new(ScalarBuffer::from(self.ends))),
        }
    }
}

/// What to do about more than an array of Arrow can hold.
const TOO_MUCH: &str = "a column of the result would be larger than 2 GiB; give fewer rows at once";

/// A column of texts or keys.
#[derive(Default)]
pub struct Texts {
    values: Vec<u8>,
    ends: Ends,
    nulls: Nulls,
}

impl Texts {
    pub fn push(&mut self, text: &[u8]) {
        self.add(text);
        self.end();
    }

    pub fn option(&mut self, text: Option<&[u8]>) {
        match text {
            Some(text) => self.push(text),
            None => self.null(),
        }
    }

    /// Lines, joined by one space; none is null.
    pub fn lines(&mut self, lines: &[&[u8]]) {
        let Some((first, others)) = lines.split_first() else {
            return self.null();
        };
        self.add(first);
        for line in others {
            self.add(b" ");
            self.add(line);
        }
        self.end();
    }

    pub fn lower_case(&mut self, text: Option<&[u8]>) {
        let start = self.values.len();
        self.option(text);
        self.values[start..].make_ascii_lowercase();
    }

    /// A text that is written where it stays.
    pub fn write<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        if !self.ends.is_over {
            write(&mut self.values)?;
        }
        self.end();
        Ok(())
    }

    pub fn null(&mut self) {
        self.ends.push(self.values.len());
        self.nulls.push(false);
    }

    /// The last value once more.
    pub fn again(&mut self) {
        let rows = self.ends.ends.len();
        let [start, end] = [rows - 2, rows - 1].map(|at| self.ends.ends[at].as_usize());
        if !self.ends.is_over {
            self.values.extend_from_within(start..end);
        }
        self.ends.push(self.values.len());
        self.nulls.again();
    }

    /// Makes room for so many bytes. A column that grows step by step is copied at each.
    pub fn reserve(&mut self, bytes: usize) {
        self.values.reserve_exact(bytes);
    }

    /// Bytes in it, with where each text ends: an empty one takes room too.
    pub fn bytes(&self) -> usize {
        self.values.len() + self.ends.bytes()
    }

    /// As texts.
    #[allow(
        unsafe_code,
        reason = "Arrow's own check takes three times as long, 5 % of all that is done for a page"
    )]
    pub fn finish(self) -> Finished {
        let (ends, values) = (self.ends.finish()?, buffer(self.values));
        let nulls = self.nulls.finish();
        // Every value begins and ends at a whole character.
        let is_whole = |end: &i32| {
            let first = values.get(end.as_usize());
            first.is_none_or(|first| first & 0xC0 != 0x80)
        };
        if simdutf8::basic::from_utf8(&values).is_err() || !ends.iter().all(is_whole) {
            return Ok(Arc::new(StringArray::try_new(ends, values, nulls)?));
        }
        // SAFETY: `Ends` never fall and never lie behind the values, there is a null or none for
        // each value, and all values are UTF-8.
        let texts = unsafe { StringArray::new_unchecked(ends, values, nulls) };
        Ok(Arc::new(texts))
    }

    /// As bytes.
    pub fn finish_keys(self) -> Finished {
        let (ends, values) = (self.ends.finish()?, buffer(self.values));
        let keys = BinaryArray::try_new(ends, values, self.nulls.finish())?;
        Ok(Arc::new(keys))
    }

    /// Nothing is added once the column is too large, so that it stays in bounds until its end.
    fn add(&mut self, text: &[u8]) {
        if !self.ends.is_over {
            self.values.extend_from_slice(text);
        }
    }

    fn end(&mut self) {
        self.ends.push(self.values.len());
        self.nulls.push(true);
    }
}

/// Room that is left over stays with a column, for what is given back and taken again in other
/// sizes is taken from the system each time. Only where it is most of all it is given back.
fn buffer(mut values: Vec<u8>) -> Buffer {
    if values.len() < values.capacity() / LEAST_FILLED {
        values.shrink_to_fit();
    }
    Buffer::from(values)
}

const LEAST_FILLED: usize = 4;

/// Which rows have a value.
pub struct Nulls {
    rows: NullBufferBuilder,
    last: bool,
}

impl Default for Nulls {
    fn default() -> Self {
        Self {
            rows: NullBufferBuilder::new(0),
            last: true,
        }
    }
}

impl Nulls {
    pub fn push(&mut self, has_value: bool) {
        self.rows.append(has_value);
        self.last = has_value;
    }

    /// As the last row.
    fn again(&mut self) {
        self.rows.append(self.last);
    }

    /// None where every row has one.
    pub fn finish(mut self) -> Option<NullBuffer> {
        self.rows.finish()
    }
}

/// Where the lists of a column end.
#[derive(Default)]
pub struct Lists(Ends);

impl Lists {
    /// Ends a row's list behind so many values of all rows.
    pub fn end(&mut self, values: usize) {
        self.0.push(values);
    }

    pub fn finish(self, values: ArrayRef, nulls: Option<NullBuffer>) -> Finished {
        let item = item(values.data_type().clone());
        let lists = ListArray::try_new(item, self.0.finish()?, values, nulls)?;
        Ok(Arc::new(lists))
    }
}

/// A list's values, none of which is null.
fn item(values: DataType) -> FieldRef {
    Arc::new(Field::new_list_field(values, false))
}

/// The type of a list.
pub fn list_of(values: DataType) -> DataType {
    DataType::List(item(values))
}

/// A column of structures.
pub fn structure(fields: Fields, columns: Vec<ArrayRef>, nulls: Option<NullBuffer>) -> Finished {
    Ok(Arc::new(StructArray::try_new(fields, columns, nulls)?))
}

/// A column that always has a value, and one that may have none.
pub fn required(name: &str, of: DataType) -> Field {
    Field::new(name, of, false)
}

pub fn optional(name: &str, of: DataType) -> Field {
    Field::new(name, of, true)
}
