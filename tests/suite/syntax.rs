//! What must hold for any text: parsing ends, reports in range, and does not hide a mistake.
