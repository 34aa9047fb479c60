//! Python's arithmetic where Rust's is another. None is a result that needs a larger integer, or an error of Python's.

/// The integers that are floats too, without rounding: up to 2^53.
const EXACT: i64 = 1 << 53;

/// `a // b`: rounded down.
pub(super) fn floor_divide(a: i64, b: i64) -> Option<i64> {
    let quotient = a.checked_div(b)?;
    let rest = a.wrapping_sub(quotient.wrapping_mul(b));
    Some(if rest != 0 && (rest < 0) != (b < 0) { quotient - 1 } else { quotient })
}

/// `a % b`: with the sign of `b`.
pub(super) fn modulo(a: i64, b: i64) -> Option<i64> {
    if b == 0 {
        return None;
    }
    let rest = a.wrapping_rem(b);
    Some(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
}

/// `a << b`
pub(super) fn left(a: i64, b: i64) -> Option<i64> {
    if a == 0 && b >= 0 {
        return Some(0);
    }
    let b = u32::try_from(b).ok().filter(|b| *b < i64::BITS)?;
    let shifted = a << b;
    (shifted >> b == a).then_some(shifted)
}

/// `a >> b`
pub(super) fn right(a: i64, b: i64) -> Option<i64> {
    (b >= 0).then(|| a >> b.min(63))
}

/// An integer as a float, where that is the same number.
pub(super) fn exact(a: i64) -> Option<f64> {
    (-EXACT..=EXACT).contains(&a).then_some(a as f64)
}

/// `int(a)`: towards zero.
pub(super) fn truncate(a: f64) -> Option<i64> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    let whole = a.trunc();
    (-END..END).contains(&whole).then_some(whole as i64)
}

/// `a / b`
pub(super) fn divide_floats(a: f64, b: f64) -> Option<f64> {
    (b != 0.0).then(|| a / b)
}

/// `a // b`, step by step as CPython has it: `(a - a % b) / b`, snapped to the next whole number.
pub(super) fn floor_divide_floats(a: f64, b: f64) -> Option<f64> {
    if b == 0.0 {
        return None;
    }
    let rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) {
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return Some(0.0_f64.copysign(a / b));
    }
    let floor = quotient.floor();
    Some(if quotient - floor > 0.5 { floor + 1.0 } else { floor })
}

/// `a % b`: with the sign of `b`, a zero too.
pub(super) fn modulo_floats(a: f64, b: f64) -> Option<f64> {
    if b == 0.0 {
        return None;
    }
    let rest = a % b;
    if rest == 0.0 {
        return Some(0.0_f64.copysign(b));
    }
    Some(if (rest < 0.0) != (b < 0.0) { rest + b } else { rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_rounds_down() {
        let cases = [(7, 2, 3, 1), (-7, 2, -4, 1), (7, -2, -4, -1), (-7, -2, 3, -1), (-6, 2, -3, 0), (0, -5, 0, 0)];
        for (a, b, quotient, rest) in cases {
            assert_eq!((floor_divide(a, b), modulo(a, b)), (Some(quotient), Some(rest)), "{a} {b}");
        }
        assert_eq!(floor_divide(i64::MIN, i64::MAX), Some(-2));
        assert_eq!((floor_divide(i64::MIN, -1), modulo(i64::MIN, -1)), (None, Some(0)));
        assert_eq!((floor_divide(1, 0), modulo(1, 0)), (None, None));
    }

    #[test]
    fn shifts_have_bounds() {
        assert_eq!((left(1, 62), left(1, 63), left(-1, 63)), (Some(1 << 62), None, Some(i64::MIN)));
        assert_eq!((left(0, 1 << 40), left(1, 64), left(1, -1), left(0, -1)), (Some(0), None, None, None));
        assert_eq!((right(-5, 1), right(-5, 900), right(5, 900), right(5, -1)), (Some(-3), Some(-1), Some(0), None));
    }

    #[test]
    fn integers_and_floats() {
        assert_eq!((exact(EXACT), exact(EXACT + 1), exact(-EXACT - 1)), (Some(9_007_199_254_740_992.0), None, None));
        assert_eq!((truncate(-1.9), truncate(-0.5), truncate(f64::NAN)), (Some(-1), Some(0), None));
        let end = 2.0_f64.powi(63);
        assert_eq!((truncate(-end), truncate(end)), (Some(i64::MIN), None));
    }

    #[test]
    fn floats_divide_as_in_python() {
        let bits = |value: Option<f64>| value.map(f64::to_bits);
        let cases = [
            (7.5, 2.0, 3.0, 1.5),
            (-7.5, 2.0, -4.0, 0.5),
            (0.0, -2.0, -0.0, -0.0),
            (-0.0, 2.0, -0.0, 0.0),
            (1.0, f64::INFINITY, 0.0, 1.0),
            (-1.0, f64::INFINITY, -1.0, f64::INFINITY),
            (1e300, 1e-10, f64::INFINITY, 2.0),
            (0.3, 0.1, 2.0, 0.3 % 0.1),
        ];
        for (a, b, quotient, rest) in cases {
            assert_eq!(bits(floor_divide_floats(a, b)), bits(Some(quotient)), "{a} // {b}");
            if a < 1e200 {
                assert_eq!(bits(modulo_floats(a, b)), bits(Some(rest)), "{a} % {b}");
            }
        }
        assert_eq!(
            (divide_floats(1.0, -0.0), floor_divide_floats(1.0, 0.0), modulo_floats(1.0, 0.0)),
            (None, None, None)
        );
        assert!(modulo_floats(f64::INFINITY, 2.0).is_some_and(f64::is_nan));
    }
}
