//! Who signs in: a home with keys, known hosts and an ssh configuration. OpenSSH finds `~` by the system's list of users and
//! not by `HOME`, so a directory with an `ssh` comes first in `PATH`, which becomes the real one with this configuration.

use super::{Sshd, fingerprint, make_key};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Where programs are looked for.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Somebody with a home, a key `id` in it, and nobody known.
pub struct SshUser {
    dir: TempDir,
}

impl Default for SshUser {
    fn default() -> Self {
        Self::new()
    }
}

impl SshUser {
    /// Somebody new.
    ///
    /// # Panics
    /// OpenSSH's client is not installed.
    pub fn new() -> Self {
        let dir = TempDir::with_prefix("ssh-user-").unwrap_or_else(|e| panic!("no directory: {e}"));
        let user = Self { dir };
        make_key(&user.file("id"), "ed25519", "");
        user.configure("");
        let bin = user.file("bin");
        std::fs::create_dir(&bin).unwrap_or_else(|e| panic!("{}: {e}", bin.display()));
        for program in ["ssh", "scp"] {
            let script = format!(
                "#!/bin/sh\nexec /usr/bin/{program} -F '{}' \"$@\"\n",
                user.file("ssh_config").display()
            );
            let file = bin.join(program);
            std::fs::write(&file, script).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            set_mode(&file, 0o755);
        }
        user
    }

    /// Somebody who knows this server's key and is let in there.
    pub fn of(sshd: &Sshd) -> Self {
        let user = Self::new();
        user.knows(sshd);
        sshd.permit("", &user.public_key());
        user
    }

    /// The home.
    pub fn home(&self) -> &Path {
        self.dir.path()
    }

    /// A file in the home.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `PATH` for a program that starts `ssh` for this user.
    pub fn path(&self) -> String {
        format!("{}:{PATH}", self.file("bin").display())
    }

    /// The key `id`, as in a `.pub` file.
    pub fn public_key(&self) -> String {
        let file = self.file("id.pub");
        std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
    }

    /// `SHA256:…` of the key `name`.
    pub fn fingerprint(&self, name: &str) -> String {
        fingerprint(&self.file(&format!("{name}.pub")))
    }

    /// One more key in the home.
    pub fn make_key(&self, name: &str, passphrase: &str) -> PathBuf {
        let file = self.file(name);
        make_key(&file, "ed25519", passphrase);
        file
    }

    /// Lets others read a file, or not.
    pub fn set_mode(&self, name: &str, mode: u32) {
        set_mode(&self.file(name), mode);
    }

    /// Puts the server's key among the known ones.
    pub fn knows(&self, sshd: &Sshd) {
        self.knows_line(&format!("{} {}", sshd.known_as(), sshd.host_key()));
    }

    /// Puts a line into `known_hosts`.
    pub fn knows_line(&self, line: &str) {
        let file = self.file("known_hosts");
        let known = std::fs::read_to_string(&file).unwrap_or_default();
        std::fs::write(&file, format!("{known}{line}\n"))
            .unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    }

    /// Writes the configuration of ssh anew: `before` comes first, and the first of a kind counts. `~/.ssh` of the account
    /// that runs the test is not looked at, nor is an agent.
    pub fn configure(&self, before: &str) {
        let home = self.dir.path().display();
        let text = format!(
            "{before}\nHost *\n  UserKnownHostsFile {home}/known_hosts\n  GlobalKnownHostsFile /dev/null\n  IdentityFile {home}/id\n  IdentitiesOnly yes\n  IdentityAgent none\n"
        );
        let file = self.file("ssh_config");
        std::fs::write(&file, text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    }

    /// `ssh` for this user, in an environment of its own.
    pub fn ssh(&self) -> Command {
        let mut command = Command::new(self.file("bin/ssh"));
        command.env_clear().env("HOME", self.home()).env("PATH", self.path()).env("LC_ALL", "C");
        command
    }
}

/// The name of the account that runs the test.
pub(super) fn own_name() -> String {
    let said = Command::new("id").arg("-un").output().unwrap_or_else(|e| panic!("id: {e}"));
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

fn set_mode(file: &Path, mode: u32) {
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode))
        .unwrap_or_else(|e| panic!("{}: {e}", file.display()));
}
