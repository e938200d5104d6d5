//! The footer: where it is, and whether the crate may be asked to read it.

use std::fs::{File, Metadata};
use std::io;

use parquet::file::metadata::{
    ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, ParquetStatisticsPolicy,
    RowGroupMetaData,
};

use super::fenced;
use super::pages::read_at;
use super::thrift::{BINARY, INT, LIST, STRUCT, Thrift};

/// Ten thousand row groups of twenty columns take 50 MB.
const LARGEST_FOOTER: u64 = 64 << 20;
/// Bytes around pages and footer: the mark at both ends, and the footer's length.
const FRAME: u64 = 12;
/// The crate reads the schema by recursion: 100,000 levels overflow the stack.
const DEEPEST_SCHEMA: usize = 100;
/// The least a row group takes in the footer; the crate reserves ten times that for each.
const SMALLEST_GROUP: u64 = 20;

pub(super) fn read_footer(file: &File) -> Result<ParquetMetaData, String> {
    let bytes = footer_bytes(file).map_err(|error| error.to_string())??;
    check_footer(Thrift(&bytes)).ok_or("the footer is damaged")?;
    let skip = ParquetStatisticsPolicy::SkipAll;
    let options = ParquetMetaDataOptions::default()
        .with_column_stats_policy(skip.clone())
        .with_size_stats_policy(skip);
    let metadata =
        fenced(|| ParquetMetaDataReader::decode_metadata_with_options(&bytes, Some(&options)))
            .map_err(|message| format!("the footer is damaged: {message}"))?;
    match is_alone(file, &bytes) && metadata.row_groups().iter().all(is_elsewhere) {
        true => Ok(without_groups(metadata)),
        false => Ok(metadata),
    }
}

/// Whether there are no pages before a footer, as in a summary of other files, such as Spark's
/// `_metadata`: their rows are read where they stand.
fn is_alone(file: &File, footer: &[u8]) -> bool {
    let is_all = |metadata: Metadata| metadata.len() == footer.len() as u64 + FRAME;
    file.metadata().is_ok_and(is_all)
}

/// Whether a group's columns are said to stand in another file.
fn is_elsewhere(group: &RowGroupMetaData) -> bool {
    let mut columns = group.columns().iter();
    columns.all(|column| column.file_path().is_some())
}

fn without_groups(metadata: ParquetMetaData) -> ParquetMetaData {
    let mut builder = metadata.into_builder();
    builder.take_row_groups();
    builder.build()
}

/// `"PAR1" page* footer length:u32 "PAR1"`; an encrypted footer has `"PARE"` at both ends.
fn footer_bytes(file: &File) -> io::Result<Result<Vec<u8>, String>> {
    let length = file.metadata()?.len();
    if length < FRAME {
        return Ok(Err("not a Parquet file".into()));
    }
    let tail = read_at(file, length - 8, 8)?;
    match &tail[4..] {
        b"PAR1" => {}
        b"PARE" => return Ok(Err("the file is encrypted".into())),
        _ if matches!(&read_at(file, 0, 4)?[..], b"PAR1" | b"PARE") => {
            return Ok(Err("a Parquet file cut short: no footer at its end".into()));
        }
        _ => return Ok(Err("not a Parquet file".into())),
    }
    let footer = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    if footer > LARGEST_FOOTER.min(length - FRAME) {
        return Ok(Err(format!("the footer is damaged: {footer} bytes long")));
    }
    read_at(file, length - 8 - footer, footer as usize).map(Ok)
}

/// Counts in the footer that the crate reserves memory for before it reads on.
fn check_footer(mut footer: Thrift) -> Option<()> {
    let mut id = 0;
    loop {
        match (footer.field(&mut id)?, id) {
            (0, _) => return Some(()),
            (LIST, 2) => check_schema(&mut footer)?,
            (LIST, 4) => {
                let groups = Thrift(footer.0).list()?.1;
                (groups <= footer.0.len() as u64 / SMALLEST_GROUP)
                    .then(|| footer.skip(LIST, 16))??;
            }
            (_, 2 | 4) => return None,
            (kind, _) => footer.skip(kind, 16)?,
        }
    }
}

/// The schema is a tree in depth-first order; each element says how many children follow it.
fn check_schema(footer: &mut Thrift) -> Option<()> {
    let (kind, elements) = footer.list()?;
    let mut open = vec![1];
    for left in (0..elements).rev() {
        while open.last() == Some(&0) {
            open.pop();
        }
        *open.last_mut()? -= 1;
        let children = children(footer)?;
        open.push(children);
        (kind == STRUCT && children <= left && open.len() <= DEEPEST_SCHEMA).then_some(())?;
    }
    Some(())
}

/// `num_children` of a schema element.
fn children(footer: &mut Thrift) -> Option<u64> {
    // The crate goes by ids alone: a field of another kind would set it off against this walk.
    const KINDS: [u8; 11] = [0, INT, INT, INT, BINARY, INT, INT, INT, INT, INT, STRUCT];
    let (mut id, mut children) = (0, 0);
    loop {
        match (footer.field(&mut id)?, id) {
            (0, _) => return Some(children),
            (INT, 5) => children = footer.count()?,
            (kind, 0..=10) if kind != KINDS[id as usize] => return None,
            (kind, _) => footer.skip(kind, 16)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A footer with a schema only, whose elements have so many children each.
    fn footer(children: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x15, 2, 0x19, 0xfc];
        let count = children.len();
        bytes.extend([(count & 0x7f) as u8 | 0x80, (count >> 7) as u8]);
        for &count in children {
            // `name` "a", `num_children`, the end.
            bytes.extend([0x48, 1, b'a', 0x15, count * 2, 0]);
        }
        bytes.push(0);
        bytes
    }

    #[test]
    fn a_schema_is_a_tree() {
        assert!(check_footer(Thrift(&footer(&[2, 0, 1, 0]))).is_some());
        assert!(check_footer(Thrift(&footer(&[2, 0, 3, 0]))).is_none());
        assert!(check_footer(Thrift(&footer(&[1, 0, 0]))).is_none());
    }

    #[test]
    fn a_schema_too_deep_is_refused() {
        let mut chain = vec![1; 90];
        chain.push(0);
        assert!(check_footer(Thrift(&footer(&chain))).is_some());
        chain.splice(0..0, vec![1; 9000]);
        assert!(check_footer(Thrift(&footer(&chain))).is_none());
    }

    #[test]
    fn more_row_groups_than_bytes_are_refused() {
        assert!(check_footer(Thrift(&[0x49, 0xfc, 0xff, 0xff, 0x03, 0])).is_none());
    }
}
