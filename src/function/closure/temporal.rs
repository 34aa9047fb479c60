//! Dates, times and timestamps as arguments and results of closures.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use datafusion::arrow::array::{ArrayRef, PrimitiveBuilder};
use datafusion::arrow::buffer::ScalarBuffer;
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, DurationMicrosecondType, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::arrow::temporal_conversions::{date32_to_datetime, time64us_to_time, timestamp_us_to_datetime};

use super::argument::{Argument, primitive};
use super::output::Output;
use crate::error::Result;

/// Values of `$native`, in columns of `$arrow`, there as `$get(number)` and back as `$put(value)`.
macro_rules! moments {
    ($($native:ty, $arrow:ty, $data_type:expr, $get:expr, $put:expr;)*) => {$(
        impl Argument for $native {
            type Item<'a> = $native;
            type Column = ScalarBuffer<<$arrow as ArrowPrimitiveType>::Native>;

            fn data_type() -> Option<DataType> {
                Some($data_type)
            }

            fn column(array: &ArrayRef) -> Result<Self::Column> {
                primitive::<$arrow>(array)
            }

            #[inline(always)]
            fn item(column: &Self::Column, row: usize) -> Result<Self::Item<'_>, String> {
                $get(column[row]).ok_or_else(|| format!("{} is out of range", column[row]))
            }
        }

        impl Output for $native {
            type Builder = PrimitiveBuilder<$arrow>;

            fn data_type() -> Option<DataType> {
                Some($data_type)
            }

            fn builder(rows: usize) -> Self::Builder {
                PrimitiveBuilder::with_capacity(rows).with_data_type($data_type)
            }

            fn push(self, builder: &mut Self::Builder) -> Result<(), String> {
                let number = $put(self).ok_or_else(|| format!("{self} is out of range"))?;
                builder.append_value(number);
                Ok(())
            }

            fn push_null(builder: &mut Self::Builder) {
                builder.append_null();
            }

            fn finish(mut builder: Self::Builder, _: &DataType) -> Result<ArrayRef> {
                Ok(Arc::new(builder.finish()))
            }
        }
    )*};
}

moments! {
    NaiveDate, Date32Type, DataType::Date32,
        |days| date32_to_datetime(days).map(|moment| moment.date()),
        |date: NaiveDate| i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).ok();
    NaiveTime, Time64MicrosecondType, DataType::Time64(TimeUnit::Microsecond),
        time64us_to_time,
        |time: NaiveTime| time.signed_duration_since(NaiveTime::MIN).num_microseconds();
    NaiveDateTime, TimestampMicrosecondType, DataType::Timestamp(TimeUnit::Microsecond, None),
        timestamp_us_to_datetime,
        |moment: NaiveDateTime| Some(moment.and_utc().timestamp_micros());
    DateTime<Utc>, TimestampMicrosecondType, DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        DateTime::<Utc>::from_timestamp_micros,
        |moment: DateTime<Utc>| Some(moment.timestamp_micros());
    TimeDelta, DurationMicrosecondType, DataType::Duration(TimeUnit::Microsecond),
        |micros| Some(TimeDelta::microseconds(micros)),
        |span: TimeDelta| span.num_microseconds();
}
