//! The table that pages are put into: reports or statements, with what became of all else.

use std::ops::ControlFlow;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema};
use citesift::job::{Found, Take};
use citesift::{Config, Emit, ReadError};

use crate::outcomes::Outcomes;
use crate::reports::{self, Reports};
use crate::statements::{self, Rows};

/// What columns a table has.
#[derive(Clone, Copy)]
pub struct Columns {
    emit: Emit,
    with_keys: bool,
    with_outcomes: bool,
}

impl Columns {
    /// Those for these settings, or the sentence that says what to change.
    pub fn new(config: &Config, with_outcomes: bool) -> Result<Self, String> {
        let emit = config.form.emit();
        if with_outcomes && emit == Emit::Statements {
            return Err("outcomes: there is a row for each page; give emit=\"reports\"".to_owned());
        }
        Ok(Self {
            emit,
            with_keys: config.dedup.is_across_pages(),
            with_outcomes,
        })
    }

    pub fn schema(self) -> Schema {
        match self.emit {
            Emit::Reports => reports::schema(self.with_keys, self.with_outcomes),
            Emit::Statements => statements::schema(self.with_keys),
        }
    }

    fn form(self) -> Form {
        match self.emit {
            Emit::Reports => {
                Form::Reports(Box::new(Reports::new(self.with_keys, self.with_outcomes)))
            }
            Emit::Statements => Form::Statements(Box::new(Rows::new(self.with_keys))),
        }
    }
}

/// A table under construction.
pub struct Table {
    columns: Columns,
    form: Form,
    /// The input's row that is under way, and the number of the next page in it.
    row: u64,
    page: u64,
    /// Bytes in which no page stands.
    between: u64,
    container: u64,
}

enum Form {
    Reports(Box<Reports>),
    Statements(Box<Rows>),
}

impl Table {
    pub fn new(columns: Columns) -> Self {
        Self {
            columns,
            form: columns.form(),
            row: 0,
            page: 0,
            between: 0,
            container: 0,
        }
    }

    /// Makes room for what so many bytes of pages hold.
    pub fn reserve(&mut self, bytes: usize) {
        match &mut self.form {
            Form::Reports(reports) => reports.reserve(bytes),
            Form::Statements(rows) => rows.reserve(bytes),
        }
    }

    /// Goes on to the input's next row.
    pub fn next_row(&mut self) {
        self.row += 1;
        self.page = 0;
    }

    /// Bytes in it, but for which values are null.
    pub fn bytes(&self) -> usize {
        match &self.form {
            Form::Reports(reports) => reports.bytes(),
            Form::Statements(rows) => rows.bytes(),
        }
    }

    pub fn is_empty(&self) -> bool {
        match &self.form {
            Form::Reports(reports) => reports.rows == 0,
            Form::Statements(rows) => rows.rows() == 0,
        }
    }

    /// Tells of a source that could not be read, where it is told what became of all.
    pub fn fault(&mut self, fault: &ReadError) {
        self.tell(None, |outcomes| outcomes.fault(fault));
    }

    /// Adds what is told at an input's end.
    pub fn end(&mut self) {
        let outside = [
            ("between_pages", std::mem::take(&mut self.between)),
            ("container", std::mem::take(&mut self.container)),
        ];
        for (outcome, bytes) in outside.into_iter().filter(|(_, bytes)| *bytes > 0) {
            self.tell(None, |outcomes| outcomes.other(outcome, bytes, None));
        }
    }

    /// What was put into it since the last time.
    ///
    /// # Errors
    /// A column with more than 2 GiB.
    pub fn take_batch(&mut self) -> Result<RecordBatch, ArrowError> {
        match std::mem::replace(&mut self.form, self.columns.form()) {
            Form::Reports(reports) => reports.finish(),
            Form::Statements(rows) => rows.finish(),
        }
    }
}

impl Table {
    /// Adds a row without a record, where it is told what became of all.
    fn tell(&mut self, page: Option<u64>, tell: impl FnOnce(&mut Outcomes)) {
        if let Form::Reports(reports) = &mut self.form {
            reports.push_other(page.map(|_| self.row), page, tell);
        }
    }
}

impl Take for Table {
    fn take(&mut self, found: Found) {
        let page = self.page;
        match &found {
            Found::Report(span) => match &mut self.form {
                Form::Reports(reports) => reports.push(self.row, page, span),
                Form::Statements(rows) => rows.push(self.row, page, span),
            },
            Found::Skipped(bytes) => {
                self.tell(Some(page), |outcomes| {
                    outcomes.other("skipped", *bytes, None);
                });
            }
            Found::NotRead(why) => {
                let why = Some(why.as_str());
                self.tell(Some(page), |outcomes| outcomes.other("not_read", 0, why));
            }
            Found::Refused(bytes, reject) => {
                self.tell(Some(page), |outcomes| outcomes.rejected(*bytes, reject));
            }
            Found::Between(bytes) => {
                self.between += bytes;
                return;
            }
            Found::Container(bytes) => {
                self.container += bytes;
                return;
            }
        }
        self.page += 1;
    }

    fn go_on(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
