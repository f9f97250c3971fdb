//! Golden bytes and small behaviours.
