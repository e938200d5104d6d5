//! Tables and schemas on their way between Arrow libraries: pointers change hands, no data is
//! copied, and no library has to know the other.

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::RecordBatchStreamReader;
use arrow_array::{Array, RecordBatch, RecordBatchReader as _, StructArray};
use arrow_pyarrow::FromPyArrow;
use arrow_schema::{ArrowError, Schema};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

/// A table that any Arrow library takes.
#[pyclass(frozen, module = "citesift._native")]
pub struct Batch(pub RecordBatch);

#[pymethods]
impl Batch {
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
        // The protocol leaves it to us to have one schema alone.
        drop(requested_schema);
        let array = FFI_ArrowArray::new(&StructArray::from(self.0.clone()).to_data());
        let array = PyCapsule::new_with_value(py, array, c"arrow_array")?;
        Ok((capsule(py, &self.0.schema())?, array))
    }
}

/// A schema that any Arrow library takes.
#[pyclass(frozen, module = "citesift._native")]
pub struct BatchSchema(pub Schema);

#[pymethods]
impl BatchSchema {
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule(py, &self.0)
    }
}

/// The batches of a table, or the one of a batch; `name` is what the caller calls it. There is one at
/// least, so that its columns are looked at where no rows are.
///
/// Not their contents, but whether they are Arrow's, is taken on trust, as the interface is made.
pub fn batches_of(name: &str, table: &Bound<PyAny>) -> PyResult<Vec<RecordBatch>> {
    if !table.hasattr("__arrow_c_stream__")? {
        let found = table.get_type().name()?;
        let message = format!(
            "{name}: a pyarrow.RecordBatch or Table is needed, or what else has \
             __arrow_c_stream__, and this is a {found}"
        );
        return Err(PyTypeError::new_err(message));
    }
    let reader = RecordBatchStreamReader::from_pyarrow_bound(table)?;
    let schema = reader.schema();
    let batches: Result<Vec<_>, ArrowError> = reader.collect();
    let mut batches = batches.map_err(|error| PyValueError::new_err(error.to_string()))?;
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(schema));
    }
    Ok(batches)
}

fn capsule<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyCapsule>> {
    let schema = FFI_ArrowSchema::try_from(schema);
    let schema = schema.map_err(|error| PyValueError::new_err(error.to_string()))?;
    PyCapsule::new_with_value(py, schema, c"arrow_schema")
}
