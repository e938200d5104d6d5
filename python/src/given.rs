//! Columns as others hand them over, where one thing may come in several types.

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, BinaryArray, BinaryViewArray, LargeBinaryArray, OffsetSizeTrait, StringViewArray,
};
use arrow_schema::DataType;

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
