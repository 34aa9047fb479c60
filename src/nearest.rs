//! Did you mean: the name that was most likely meant by one that does not exist.

use crate::error::Error;

/// The name among `names` that is most like `name`, when it is near enough to have been meant.
///
/// By the similarity of Jaro and Winkler, which forgives swapped and missing letters and trusts the first ones.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    names
        .into_iter()
        .map(|other| (strsim::jaro_winkler(&name, &other.to_lowercase()), other))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}

impl Error {
    /// The same error with the nearest of `names` as its hint, or else `otherwise`.
    pub(crate) fn did_you_mean<'a>(
        self,
        name: &str,
        names: impl IntoIterator<Item = &'a str>,
        otherwise: impl Into<String>,
    ) -> Self {
        match nearest(name, names) {
            Some(meant) => self.with_hint(format!("did you mean '{meant}'?")),
            None => self.with_hint(otherwise),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        let names = ["flights", "airports"];
        assert_eq!(nearest("flihgts", names), Some("flights"));
        assert_eq!(nearest("orders", names), None);
    }
}
