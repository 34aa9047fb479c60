//! The header in front of each page of a Parquet file, as far as a walk over the pages needs it.
//!
//! It is written in Thrift's compact protocol. Source: [parquet.thrift] (`PageHeader`) and the [compact protocol].
//!
//! [parquet.thrift]: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
//! [compact protocol]: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md

/// What a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// Values of that many rows; none where the header tells values only, and a row may have several.
    Data { values: i64, rows: Option<i64> },
    /// A dictionary, or an index.
    Other,
}

/// One header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) page: Page,
    /// Bytes of the header itself.
    pub(super) length: usize,
    /// Bytes of the page behind it.
    pub(super) page_length: u64,
}

/// Structures in structures: a header has one level.
const DEEPEST: usize = 16;

const BOOLEAN_TRUE: u8 = 1;
const BOOLEAN_FALSE: u8 = 2;
const BYTE: u8 = 3;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;
const UUID: u8 = 13;

impl Header {
    /// The header that `bytes` begin with; none where they are too few, or are no header.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut input = Input { bytes, at: 0 };
        let (mut kind, mut page_length, mut values, mut rows) = (None, None, None, None);
        let mut field = 0;
        while let Some(kind_of_field) = input.field(&mut field)? {
            match field {
                1 => kind = Some(input.integer()?),
                3 => page_length = u64::try_from(input.integer()?).ok(),
                5 => values = input.first_field()?,
                8 => (values, rows) = input.fields_1_and_3()?,
                _ => input.skip(kind_of_field, 0)?,
            }
        }
        let page = match kind? {
            0 => Page::Data { values: values?, rows: None },
            3 => Page::Data { values: values?, rows: Some(rows?) },
            _ => Page::Other,
        };
        Some(Self { page, length: input.at, page_length: page_length? })
    }
}

/// Bytes that are read from the first to the last.
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Input<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn advance(&mut self, bytes: u64) -> Option<()> {
        self.at = self.at.checked_add(usize::try_from(bytes).ok()?).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }

    /// Seven bits a byte, the low ones first.
    fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// Signs are in the lowest bit.
    fn integer(&mut self) -> Option<i64> {
        let value = self.unsigned()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The type of the next field of a structure, `field` its number; none inside after the last.
    fn field(&mut self, field: &mut i64) -> Option<Option<u8>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Some(None);
        }
        *field = match byte >> 4 {
            0 => self.integer()?,
            more => field.checked_add(i64::from(more))?,
        };
        Some(Some(byte & 0x0f))
    }

    fn first_field(&mut self) -> Option<Option<i64>> {
        Some(self.fields_1_and_3()?.0)
    }

    /// The integers of that number in a structure, which is read to its end.
    fn fields_1_and_3(&mut self) -> Option<(Option<i64>, Option<i64>)> {
        let (mut first, mut third, mut field) = (None, None, 0);
        while let Some(kind) = self.field(&mut field)? {
            match field {
                1 => first = Some(self.integer()?),
                3 if matches!(kind, 4..=6) => third = Some(self.integer()?),
                _ => self.skip(kind, 1)?,
            }
        }
        Some((first, third))
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            // A field's truth is in its type.
            BOOLEAN_TRUE | BOOLEAN_FALSE => Some(()),
            BYTE => self.advance(1),
            4..=6 => self.integer().map(drop),
            DOUBLE => self.advance(8),
            UUID => self.advance(16),
            BINARY => {
                let length = self.unsigned()?;
                self.advance(length)
            }
            STRUCT if depth < DEEPEST => {
                let mut field = 0;
                while let Some(kind) = self.field(&mut field)? {
                    self.skip(kind, depth + 1)?;
                }
                Some(())
            }
            LIST | SET if depth < DEEPEST => self.skip_list(depth),
            // Page headers have no maps.
            MAP => None,
            _ => None,
        }
    }

    fn skip_list(&mut self, depth: usize) -> Option<()> {
        let byte = self.byte()?;
        let length = match byte >> 4 {
            15 => self.unsigned()?,
            short => u64::from(short),
        };
        for _ in 0..length {
            match byte & 0x0f {
                // In a list, a truth is a byte.
                BOOLEAN_TRUE | BOOLEAN_FALSE => self.advance(1)?,
                kind => self.skip(kind, depth + 1)?,
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// type 0, 9 bytes uncompressed, 7 compressed, 5 values with 2 encodings and a statistic.
    const PLAIN: [u8; 22] = [
        0x15, 0x00, 0x15, 0x12, 0x15, 0x0e, 0x2c, 0x15, 0x0a, 0x15, 0x00, 0x15, 0x06, 0x15, 0x06, 0x1c, 0x18, 0x01,
        b'x', 0x00, 0x00, 0x00,
    ];

    #[test]
    fn a_header_tells_its_page() {
        let header = Header::parse(&PLAIN).unwrap();
        assert_eq!(header, Header { page: Page::Data { values: 5, rows: None }, length: 22, page_length: 7 });
        let second = [0x15, 0x06, 0x15, 0x12, 0x15, 0x0e, 0x5c, 0x15, 0x0a, 0x15, 0x00, 0x15, 0x04, 0x11, 0x00, 0x00];
        let header = Header::parse(&second).unwrap();
        assert_eq!(header.page, Page::Data { values: 5, rows: Some(2) });
        let dictionary = [0x15, 0x04, 0x15, 0x12, 0x15, 0x0e, 0x4c, 0x15, 0x0a, 0x15, 0x00, 0x00, 0x00];
        assert_eq!(Header::parse(&dictionary).unwrap().page, Page::Other);
    }

    #[test]
    fn half_a_header_is_none() {
        for length in 0..PLAIN.len() {
            assert_eq!(Header::parse(&PLAIN[..length]), None, "{length} bytes");
        }
        assert_eq!(Header::parse(&[0xff; 64]), None);
        assert_eq!(Header::parse(&[0x1c; 64]), None);
    }
}
