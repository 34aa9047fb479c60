//! Closures that take a row into the state of its group.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;

use super::argument::Argument;
use crate::error::Result;
use crate::function::call::all_valid;

/// The update of [`aggregate_function`](crate::aggregate_function): a closure over the state and a row's values; `M` is
/// what the compiler finds out about their types.
///
/// ```
/// fn is_update<M>(_: impl partita::UpdateClosure<i64, M>) {}
/// is_update(|sum: &mut i64, value: i64| *sum += value);
/// ```
pub trait UpdateClosure<S, M>: Send + Sync + 'static {
    /// The types of the parameters behind the state.
    fn arguments() -> Vec<Option<DataType>>;

    /// Takes every row for which `chosen` says so into the state of its group.
    ///
    /// Errors: those of `failed`, which is told of each row whose values cannot be had.
    fn update_rows(
        &self,
        columns: &[ArrayRef],
        states: &mut [S],
        groups: &[usize],
        chosen: &dyn Fn(usize) -> bool,
        failed: &mut dyn FnMut(usize, String) -> Result<()>,
    ) -> Result<()>;
}

macro_rules! update_closure {
    ($(($argument:ident, $column:ident, $at:tt)),*) => {
        #[allow(non_snake_case, unused_variables)]
        impl<F, S, $($argument),*> UpdateClosure<S, fn(S, $($argument),*)> for F
        where
            F: Send + Sync + 'static,
            $($argument: Argument,)*
            for<'a> &'a F: Fn(&mut S, $($argument),*) + Fn(&mut S, $($argument::Item<'a>),*),
        {
            fn arguments() -> Vec<Option<DataType>> {
                vec![$($argument::data_type()),*]
            }

            fn update_rows(
                &self,
                columns: &[ArrayRef],
                states: &mut [S],
                groups: &[usize],
                chosen: &dyn Fn(usize) -> bool,
                failed: &mut dyn FnMut(usize, String) -> Result<()>,
            ) -> Result<()> {
                #[inline(always)]
                #[allow(clippy::too_many_arguments)]
                fn call<S, $($argument),*>(
                    closure: impl Fn(&mut S, $($argument),*),
                    state: &mut S,
                    $($column: $argument),*
                ) {
                    closure(state, $($column),*)
                }
                let nullable: &[bool] = &[$($argument::NULLABLE),*];
                let strict = columns.iter().zip(nullable).filter(|(_, nullable)| !**nullable).map(|(column, _)| column);
                let valid = all_valid(strict);
                $(let $column = $argument::column(&columns[$at])?;)*
                for (row, group) in groups.iter().enumerate() {
                    if valid.as_ref().is_some_and(|valid| valid.is_null(row)) || !chosen(row) {
                        continue;
                    }
                    let state = &mut states[*group];
                    let mut update = || -> Result<(), String> {
                        call(self, state, $($argument::item(&$column, row)?),*);
                        Ok(())
                    };
                    if let Err(message) = update() {
                        failed(row, message)?;
                    }
                }
                Ok(())
            }
        }
    };
}

update_closure!();
update_closure!((A, a, 0));
update_closure!((A, a, 0), (B, b, 1));
update_closure!((A, a, 0), (B, b, 1), (C, c, 2));
update_closure!((A, a, 0), (B, b, 1), (C, c, 2), (D, d, 3));
update_closure!((A, a, 0), (B, b, 1), (C, c, 2), (D, d, 3), (E, e, 4));
update_closure!((A, a, 0), (B, b, 1), (C, c, 2), (D, d, 3), (E, e, 4), (G, g, 5));
update_closure!((A, a, 0), (B, b, 1), (C, c, 2), (D, d, 3), (E, e, 4), (G, g, 5), (H, h, 6));
update_closure!((A, a, 0), (B, b, 1), (C, c, 2), (D, d, 3), (E, e, 4), (G, g, 5), (H, h, 6), (I, i, 7));
