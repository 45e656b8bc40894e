//! A small tmpfs that a test can fill and enlarge. Needs Linux and root; where it cannot be mounted the test fails.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

pub struct Disk(PathBuf);

impl Disk {
    /// Creates the folder and mounts the file system there.
    pub fn mount(at: PathBuf, size: &str) -> Disk {
        std::fs::create_dir(&at).unwrap();
        let options = format!("size={size}");
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&at));
        Disk(at)
    }

    /// Takes what room is left.
    pub fn fill(&self) {
        let mut file = File::create(self.filler()).unwrap();
        while file.write_all(&[0; 4_096]).is_ok() {}
    }

    /// Gives back what [`Disk::fill`] took.
    pub fn empty(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    /// Beside the folders of the archive, where nothing looks for it.
    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Enlarges it to this size.
    pub fn grow(&self, size: &str) {
        let options = format!("remount,size={size}");
        run(Command::new("mount").args(["-o", &options]).arg(&self.0));
    }
}

impl Drop for Disk {
    /// Unmounts lazily, because programs of a failed test may still have files open.
    fn drop(&mut self) {
        // If it stays mounted, it occupies a few megabytes until the next boot.
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} (only root may): {stderr}");
}
