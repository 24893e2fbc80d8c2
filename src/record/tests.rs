//! Numbers of a record.

use super::form::bytes_text;

#[test]
fn bytes_have_a_unit() {
    let texts: Vec<_> = [0, 437, 1024, 1500, 48_234_496, u64::MAX].into_iter().map(bytes_text).collect();
    assert_eq!(texts, ["0 B", "437 B", "1.00 KiB", "1.46 KiB", "46.00 MiB", "16384.00 PiB"]);
}
