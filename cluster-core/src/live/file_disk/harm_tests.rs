//! What a torn write, bit rot and a lying sync leave in real files.

use super::*;

const LOG: Name = Name::new("log");

fn disk() -> (tempfile::TempDir, FileDisk) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut disk = FileDisk::new(NodeId(3), folder.path().join("n3"));
    assert!(disk.recover().expect("an empty disk").is_empty());
    (folder, disk)
}

fn append(disk: &mut FileDisk, record: &'static str) {
    disk.write(DiskOp::Append { file: LOG, record: Bytes::from_static(record.as_bytes()) }).expect("written");
}

fn log(disk: &mut FileDisk) -> Vec<Bytes> {
    disk.recover().expect("sound").records(LOG).to_vec()
}

#[test]
fn the_record_that_was_being_written_is_torn_found_and_cut_off_live() {
    let (_folder, mut disk) = disk();
    append(&mut disk, "synced");
    disk.sync().expect("synced");
    append(&mut disk, "being written");
    disk.hand_over().expect("written");
    append(&mut disk, "in memory");
    let lost = disk.lose_power(PowerCut::MidWrite);
    assert_eq!(lost, Lost { records: 2, torn: vec![TornRecord { file: LOG, record: 2, kept: 10, bytes: 21 }] });
    let recovered = disk.recover().expect("torn is not damaged");
    assert_eq!(recovered.records(LOG), ["synced"]);
    assert_eq!(recovered.cut_off, [CutOff { file: LOG, record: 2, bytes: 10 }]);
    append(&mut disk, "next");
    disk.sync().expect("synced");
    assert_eq!(log(&mut disk), ["synced", "next"]);
    assert!(disk.recover().expect("sound").cut_off.is_empty());
}

/// The thread had not come to it, but the machine was about to.
#[test]
fn a_record_that_was_only_asked_for_can_be_the_torn_one_live() {
    let (_folder, mut disk) = disk();
    append(&mut disk, "synced");
    disk.sync().expect("synced");
    disk.abandon(&DiskOp::Append { file: LOG, record: "asked for".into() });
    let lost = disk.lose_power(PowerCut::MidWrite);
    assert_eq!((lost.records, lost.torn.len()), (1, 1));
    assert_eq!(log(&mut disk), ["synced"]);
}

#[test]
fn a_flipped_bit_is_in_the_file_and_found_by_the_next_boot_live() {
    for draw in 0..64 {
        let (_folder, mut disk) = disk();
        append(&mut disk, "first");
        append(&mut disk, "second");
        disk.sync().expect("synced");
        let before = fs::read(disk.path(LOG)).expect("the file");
        let hit = disk.rot(draw).expect("read and written").expect("two records");
        let after = fs::read(disk.path(LOG)).expect("the file");
        let differ: Vec<_> = (0..before.len()).filter(|at| before[*at] != after[*at]).collect();
        assert_eq!(differ, [hit.byte as usize]);
        match disk.recover() {
            Ok(recovered) => assert_eq!((hit.record, recovered.cut_off.len()), (2, 1)),
            Err(why) => assert!(hit.record == 1 && why.contains("checksum mismatch; wipe the disk of n3"), "{why}"),
        }
    }
}

#[test]
fn rot_spares_what_was_never_synced_live() {
    let (_folder, mut disk) = disk();
    append(&mut disk, "written");
    disk.hand_over().expect("written");
    assert_eq!(disk.rot(5), Ok(None));
}

#[test]
fn a_file_replaced_on_a_disk_that_lies_is_the_old_one_after_a_power_loss_live() {
    let (_folder, mut disk) = disk();
    append(&mut disk, "old");
    disk.sync().expect("synced");
    let replace = |record: &'static str| DiskOp::Replace { file: LOG, records: vec![record.into()] };
    disk.write_volatile(replace("new")).expect("replaced");
    disk.write_volatile(replace("newer")).expect("replaced");
    assert_eq!(log(&mut disk), ["newer"]);
    disk.lose_power(PowerCut::Clean);
    assert_eq!(log(&mut disk), ["old"]);
    disk.write_volatile(replace("new")).expect("replaced");
    disk.sync().expect("a true sync");
    disk.lose_power(PowerCut::Clean);
    assert_eq!(log(&mut disk), ["new"]);
}
