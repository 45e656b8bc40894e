//! A small file system in memory that a test can fill to the last byte, and make larger. Linux, and root: where it cannot
//! be mounted the test fails and says so, for what it would prove is not proven.

use std::path::PathBuf;
use std::process::Command;

pub struct Disk(PathBuf);

impl Disk {
    /// Mounted at this folder, which it makes.
    pub fn mount(at: PathBuf, size: &str) -> Disk {
        std::fs::create_dir(&at).unwrap();
        let options = format!("size={size}");
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&at));
        Disk(at)
    }

    /// Gives it so much in all.
    pub fn grow(&self, size: &str) {
        let options = format!("remount,size={size}");
        run(Command::new("mount").args(["-o", &options]).arg(&self.0));
    }
}

impl Drop for Disk {
    /// Lazily: programs of a test that failed may still have files open there.
    fn drop(&mut self) {
        // What cannot be unmounted holds a few megabytes until the machine is restarted.
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} (only root may): {told}");
}
