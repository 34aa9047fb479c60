//! Which overload a call means, and what its arguments are converted to.

use datafusion::arrow::datatypes::DataType;

use super::overload::Overload;
use crate::error::{Error, Result};
use crate::sink::sql_type;

/// What a parameter takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Accepts {
    /// Values of this type, and those that turn into it without a person's word.
    Type(DataType),
    /// Structs, maps and lists whose fields the closure finds by name.
    Nested,
}

impl Accepts {
    /// How far `from` is from what is taken; none where only a CAST would do.
    fn distance(&self, from: &DataType) -> Option<u32> {
        match self {
            Self::Type(to) => distance(from, to),
            Self::Nested => (from.is_nested() || from.is_null()).then_some(0),
        }
    }

    /// The type that an argument of type `from` has when it arrives.
    fn arriving(&self, from: &DataType) -> DataType {
        match self {
            Self::Type(to) => to.clone(),
            Self::Nested => from.clone(),
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Type(data_type) => sql_type(data_type),
            Self::Nested => "struct".to_string(),
        }
    }
}

/// The overload nearest to a call with arguments of these types, and the types that it wants them in.
///
/// Errors: no overload takes them, or two are equally near.
pub(super) fn choose<'a, O: AsRef<Overload>>(
    name: &str,
    overloads: &'a [O],
    types: &[DataType],
) -> Result<(&'a O, Vec<DataType>)> {
    let mut near: Vec<(u32, &O)> =
        overloads.iter().filter_map(|overload| Some((total(overload.as_ref(), types)?, overload))).collect();
    near.sort_by_key(|(distance, _)| *distance);
    match near.as_slice() {
        [] => Err(mismatch(name, overloads, types)),
        [(first, _), (second, _), ..] if first == second => {
            Err(Error::user(format!("{} may mean several functions", call_of(name, types)))
                .with_hint(format!("cast the arguments to those of one of them: {}", list(overloads))))
        }
        [(_, overload), ..] => {
            let parameters = &overload.as_ref().parameters;
            Ok((overload, parameters.iter().zip(types).map(|(to, from)| to.accepts.arriving(from)).collect()))
        }
    }
}

fn total(overload: &Overload, types: &[DataType]) -> Option<u32> {
    let fits = overload.parameters.len() == types.len();
    let mut pairs = overload.parameters.iter().zip(types);
    fits.then(|| pairs.try_fold(0, |sum, (to, from)| Some(sum + to.accepts.distance(from)?)))?
}

fn call_of(name: &str, types: &[DataType]) -> String {
    format!("{name}({})", types.iter().map(sql_type).collect::<Vec<_>>().join(", "))
}

fn list<O: AsRef<Overload>>(overloads: &[O]) -> String {
    let signatures = overloads.iter().map(|overload| overload.as_ref().definition.signature());
    signatures.collect::<Vec<_>>().join("; ")
}

fn mismatch<O: AsRef<Overload>>(name: &str, overloads: &[O], types: &[DataType]) -> Error {
    let [only] = overloads else {
        return Error::user(format!("there is no function {}", call_of(name, types)))
            .with_hint(format!("there are {}", list(overloads)));
    };
    let parameters = &only.as_ref().parameters;
    let hint = format!("it is {}", only.as_ref().definition.signature());
    if parameters.len() != types.len() {
        let (wanted, given) = (parameters.len(), types.len());
        let s = if wanted == 1 { "" } else { "s" };
        return Error::user(format!("{name} takes {wanted} argument{s}, not {given}")).with_hint(hint);
    }
    let wrong = parameters.iter().zip(types).enumerate().find(|(_, (to, from))| to.accepts.distance(from).is_none());
    let Some((at, (to, from))) = wrong else { return Error::internal(format!("{name} was not found")) };
    let (from, to) = (sql_type(from), to.accepts.name());
    Error::user(format!("argument {} of {name} is {from}, where {to} is wanted", at + 1)).with_hint(hint)
}

/// How far a type is from another that its values turn into without a word: 0 is the same, and what keeps every value
/// is nearer than what may fail on one.
fn distance(from: &DataType, to: &DataType) -> Option<u32> {
    use DataType::{Date32, Date64, Dictionary, List, Null, Timestamp};
    const LOSSLESS: u32 = 10;
    const CHECKED: u32 = 1_000;
    match (from, to) {
        _ if from == to => Some(0),
        (Null, _) => Some(1),
        (Dictionary(_, from), _) => Some(distance(from, to)? + 1),
        _ if is_text(from) && is_text(to) || is_bytes(from) && is_bytes(to) => Some(1),
        _ if from.is_integer() && to.is_integer() => {
            let (have, want) = (bits(from), bits(to));
            Some(if have < want { LOSSLESS + want - have } else { CHECKED + have - want })
        }
        _ if from.is_integer() && to.is_floating() => Some(LOSSLESS * 10 + (128 - bits(to))),
        _ if from.is_integer() && to.is_decimal() => Some(LOSSLESS * 9),
        _ if from.is_decimal() && to.is_decimal() => Some(LOSSLESS),
        _ if from.is_decimal() && to.is_floating() => Some(LOSSLESS * 10 + (128 - bits(to))),
        _ if from.is_floating() && to.is_floating() => Some(if bits(from) < bits(to) { LOSSLESS } else { CHECKED }),
        (Date32 | Date64, Date32 | Date64) | (Timestamp(..), Timestamp(..)) => Some(LOSSLESS),
        (Date32 | Date64, Timestamp(..)) => Some(LOSSLESS * 2),
        // A literal of a day or a time is written as text.
        _ if is_text(from) && to.is_temporal() => Some(CHECKED * 10),
        (List(from), List(to)) => distance(from.data_type(), to.data_type()),
        (DataType::LargeList(from) | DataType::FixedSizeList(from, _), List(to)) => {
            Some(distance(from.data_type(), to.data_type())? + 1)
        }
        (DataType::Struct(from), DataType::Struct(to)) if from.len() == to.len() => {
            let mut pairs = from.iter().zip(to);
            pairs.try_fold(0, |sum, (from, to)| Some(sum + distance(from.data_type(), to.data_type())?))
        }
        (DataType::Map(..), DataType::Map(..)) => Some(1),
        (DataType::Time32(_) | DataType::Time64(_), DataType::Time32(_) | DataType::Time64(_)) => Some(LOSSLESS),
        (DataType::Interval(_), DataType::Interval(_)) | (DataType::Duration(_), DataType::Duration(_)) => {
            Some(LOSSLESS)
        }
        _ => None,
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_bytes(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_))
}

/// The bits that a number has room for its value in: an unsigned one has a bit more.
fn bits(data_type: &DataType) -> u32 {
    let width = data_type.primitive_width().unwrap_or(16) as u32 * 8;
    if data_type.is_unsigned_integer() { width + 1 } else { width }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_every_value_is_nearer() {
        use DataType::*;
        assert!(distance(&Int32, &Int64) < distance(&Int32, &Float64));
        assert!(distance(&Int64, &Float64) < distance(&Int64, &Int32));
        assert!(distance(&Int32, &Int64) < distance(&Int32, &Int16));
        assert_eq!(distance(&Utf8, &Int64), None);
        assert_eq!(distance(&Float64, &Int64), None);
        assert_eq!(distance(&Boolean, &Int64), None);
        assert_eq!(distance(&Null, &Int64), Some(1));
    }
}
