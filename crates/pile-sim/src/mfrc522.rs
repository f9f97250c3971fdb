//! mfrc522
