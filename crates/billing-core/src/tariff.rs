//! tariff
