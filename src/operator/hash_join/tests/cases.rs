//! Cases that chance would seldom draw.
