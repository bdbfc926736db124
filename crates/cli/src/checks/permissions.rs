//! Who else on this host can read or change what belongs to this user alone.

use super::own::{Seen, Sort};
use super::{Check, Finding, Kind, Scene, Severity, UsedBy, now};
use config::Paths;

pub(super) const CHECK: Check = Check {
    id: "permissions",
    title: "Permissions",
    kinds: KINDS,
    used_by: UsedBy::Both,
    look: |scene| now(look(scene)),
};

const REMEDY: &str = "take the permissions away from others: `chmod go-rwx FILE`";

macro_rules! kinds {
    ($($name:ident: $severity:ident, $id:literal, $title:literal;)*) => {
        $(static $name: Kind =
            Kind { id: $id, severity: Severity::$severity, title: $title, remedy: REMEDY, mends: true };)*
    };
}

kinds! {
    STATE_ALL: Critical, "fs.state_dir.perms_world_writable", "every user of this host can change the state directory";
    STATE_GROUP: Warn, "fs.state_dir.perms_group_writable", "a group of users can change the state directory";
    STATE_READ: Warn, "fs.state_dir.perms_readable", "other users can look into the state directory";
    CONFIG_WRITE: Critical, "fs.config.perms_writable", "other users can change the configuration";
    CONFIG_ALL: Critical, "fs.config.perms_world_readable", "every user of this host can read the configuration";
    CONFIG_GROUP: Warn, "fs.config.perms_group_readable", "a group of users can read the configuration";
    INCLUDE_WRITE: Critical, "fs.config_include.perms_writable", "other users can change a file that the configuration includes";
    INCLUDE_ALL: Critical, "fs.config_include.perms_world_readable", "every user of this host can read a file that the configuration includes";
    INCLUDE_GROUP: Warn, "fs.config_include.perms_group_readable", "a group of users can read a file that the configuration includes";
    BACKUP_WRITE: Critical, "fs.config_backup.perms_writable", "other users can change a former configuration that may be restored";
    BACKUP_READ: Critical, "fs.config_backup.perms_readable", "other users can read a former configuration, with its secrets";
    CREDENTIALS_WRITE: Critical, "fs.credentials_dir.perms_writable", "other users can change stored credentials";
    CREDENTIALS_READ: Critical, "fs.credentials_dir.perms_readable", "other users can read stored credentials";
    IDENTITY_WRITE: Critical, "fs.identity.perms_writable", "other users can change the keys of this gateway or device";
    IDENTITY_READ: Critical, "fs.identity.perms_readable", "other users can read the keys of this gateway or device";
    STORE_WRITE: Critical, "fs.sessions_store.perms_writable", "other users can change the state file";
    STORE_READ: Warn, "fs.sessions_store.perms_readable", "other users can read the state file, with all that was said";
    LOG_READ: Warn, "fs.log_file.perms_readable", "other users can read or change the log";
    PROFILES_WRITE: Critical, "fs.auth_profiles.perms_writable", "other users can change the keys of an agent's model providers";
    PROFILES_READ: Critical, "fs.auth_profiles.perms_readable", "other users can read the keys of an agent's model providers";
    TLS_WRITE: Critical, "fs.tls_key.perms_writable", "other users can change the key of the gateway's certificate, or which certificate this host believes";
    TLS_READ: Critical, "fs.tls_key.perms_readable", "other users can read the key of the gateway's certificate, and show it as the gateway does";
    APPROVALS_WRITE: Critical, "fs.exec_approvals.perms_writable", "other users can change which commands run without asking";
    APPROVALS_READ: Warn, "fs.exec_approvals.perms_readable", "other users can read which commands run without asking";
}

static STATE_LINK: Kind = Kind {
    id: "fs.state_dir.symlink",
    severity: Severity::Warn,
    title: "the state directory is a symbolic link",
    remedy: "name the real directory in OPENCLAW_STATE_DIR: whoever may change the link chooses the state; --fix changes nothing behind it",
    mends: false,
};
static CONFIG_LINK: Kind = Kind {
    id: "fs.config.symlink",
    severity: Severity::Warn,
    title: "the configuration is a symbolic link",
    remedy: "name the real file in OPENCLAW_CONFIG_PATH: whoever may change the link chooses the configuration; --fix changes nothing behind it",
    mends: false,
};
static FOREIGN: Kind = Kind {
    id: "fs.foreign_owner",
    severity: Severity::Warn,
    title: "a file of this installation belongs to another user",
    remedy: "give it to the user that runs the gateway: `chown USER FILE`; a command was perhaps run with sudo once",
    mends: false,
};

const KINDS: &[&Kind] = &[
    &STATE_ALL,
    &STATE_GROUP,
    &STATE_READ,
    &STATE_LINK,
    &CONFIG_WRITE,
    &CONFIG_ALL,
    &CONFIG_GROUP,
    &CONFIG_LINK,
    &INCLUDE_WRITE,
    &INCLUDE_ALL,
    &INCLUDE_GROUP,
    &BACKUP_WRITE,
    &BACKUP_READ,
    &CREDENTIALS_WRITE,
    &CREDENTIALS_READ,
    &IDENTITY_WRITE,
    &IDENTITY_READ,
    &STORE_WRITE,
    &STORE_READ,
    &LOG_READ,
    &PROFILES_WRITE,
    &PROFILES_READ,
    &TLS_WRITE,
    &TLS_READ,
    &APPROVALS_WRITE,
    &APPROVALS_READ,
    &FOREIGN,
];

/// What it is called when others may do more than they should.
struct Family {
    write_all: &'static Kind,
    write_group: &'static Kind,
    read_all: &'static Kind,
    read_group: &'static Kind,
}

const fn family(write: &'static Kind, read_all: &'static Kind, read_group: &'static Kind) -> Family {
    Family { write_all: write, write_group: write, read_all, read_group }
}

static STATE: Family = Family {
    write_all: &STATE_ALL,
    write_group: &STATE_GROUP,
    read_all: &STATE_READ,
    read_group: &STATE_READ,
};
static CONFIG: Family = family(&CONFIG_WRITE, &CONFIG_ALL, &CONFIG_GROUP);
static INCLUDE: Family = family(&INCLUDE_WRITE, &INCLUDE_ALL, &INCLUDE_GROUP);
static BACKUP: Family = family(&BACKUP_WRITE, &BACKUP_READ, &BACKUP_READ);
static CREDENTIALS: Family = family(&CREDENTIALS_WRITE, &CREDENTIALS_READ, &CREDENTIALS_READ);
static IDENTITY: Family = family(&IDENTITY_WRITE, &IDENTITY_READ, &IDENTITY_READ);
static STORE: Family = family(&STORE_WRITE, &STORE_READ, &STORE_READ);
static LOG: Family = family(&LOG_READ, &LOG_READ, &LOG_READ);
static PROFILES: Family = family(&PROFILES_WRITE, &PROFILES_READ, &PROFILES_READ);
static TLS: Family = family(&TLS_WRITE, &TLS_READ, &TLS_READ);
static APPROVALS: Family = family(&APPROVALS_WRITE, &APPROVALS_READ, &APPROVALS_READ);

fn look(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let paths = &scene.ctx.paths;
    if let Some(seen) = Seen::at(&paths.state_dir)
        && seen.sort == Sort::Link
    {
        findings.push(Finding::in_file(&STATE_LINK, &paths.state_dir, "leads elsewhere"));
    }
    if let Some(seen) = Seen::at(&paths.config_file)
        && seen.sort == Sort::Link
    {
        findings.push(Finding::in_file(&CONFIG_LINK, &paths.config_file, "leads elsewhere"));
    }
    let whose = Seen::at(&paths.state_dir).and_then(|seen| seen.foreign_owner());
    if let Some(uid) = whose {
        let detail = format!("belongs to user {uid}, and this is user {}", own_user());
        let fix = format!(
            "run this as user {uid}, whose installation it is; or, if it is to be this user's: chown -R {} {}",
            own_user(),
            paths.state_dir.display()
        );
        findings.push(Finding::in_file(&FOREIGN, &paths.state_dir, detail).fix(fix));
    }
    // What is in another user's state directory and theirs is where it belongs.
    let theirs = |seen: &Seen| whose.is_some() && seen.foreign_owner() == whose;
    for (seen, family) in private_places(scene).into_iter().filter(|(seen, _)| !theirs(seen)) {
        findings.extend(judge(scene, seen, family));
    }
    findings.extend(keys_elsewhere(scene).into_iter().filter_map(|seen| judge_shared(scene, seen)));
    findings
}

fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Everything that is for this user alone, directories before what is in them.
fn private_places(scene: &Scene<'_>) -> Vec<(Seen, &'static Family)> {
    let paths = &scene.ctx.paths;
    let mut places = Vec::new();
    places.extend(Seen::at(&paths.state_dir).map(|seen| (seen, &STATE)));
    places.extend(Seen::at(&paths.config_file).map(|seen| (seen, &CONFIG)));
    places.extend(former_configs(paths).into_iter().map(|seen| (seen, &BACKUP)));
    if let Ok(loaded) = &scene.loaded {
        places.extend(loaded.included.iter().filter_map(|file| Seen::at(file)).map(|seen| (seen, &INCLUDE)));
    }
    for (dir, family) in [
        (paths.credentials_dir(), &CREDENTIALS),
        (paths.identity_dir(), &IDENTITY),
        (paths.state_dir.join("state"), &STORE),
        (paths.log_dir(), &LOG),
    ] {
        let Some(dir) = Seen::at(&dir) else { continue };
        let inside = dir.children();
        places.push((dir, family));
        places.extend(inside.into_iter().map(|seen| (seen, family)));
    }
    places.extend(agents(paths).into_iter().map(|seen| (seen, &PROFILES)));
    places.extend(certificates(paths).into_iter().map(|seen| (seen, &TLS)));
    let log = scene.config().and_then(|config| config.logging.file.as_deref());
    places.extend(log.and_then(Seen::at).map(|seen| (seen, &LOG)));
    places.extend(Seen::at(&paths.env_file()).map(|seen| (seen, &CREDENTIALS)));
    places.extend(Seen::at(&paths.state_dir.join("exec-approvals.json")).map(|seen| (seen, &APPROVALS)));
    places
}

/// The agents' directories, and the keys of model providers in them.
fn agents(paths: &Paths) -> Vec<Seen> {
    let Some(all) = Seen::at(&paths.state_dir.join("agents")) else { return Vec::new() };
    let agents = all.children();
    let dirs: Vec<Seen> = agents.into_iter().filter(|seen| seen.sort == Sort::Directory).collect();
    let keys: Vec<Seen> =
        dirs.iter().filter_map(|dir| Seen::at(&dir.path.join("auth-profiles.json"))).collect();
    [all].into_iter().chain(dirs).chain(keys).collect()
}

/// The gateway's own certificates and keys. A certificate is shown to everybody: only changing it is for its owner alone.
fn certificates(paths: &Paths) -> Vec<Seen> {
    let Some(dir) = Seen::at(&paths.tls_dir()) else { return Vec::new() };
    let shown = |seen: &Seen| seen.name().starts_with("gateway-cert.pem") && seen.mode & 0o022 == 0;
    let inside: Vec<Seen> = dir.children().into_iter().filter(|seen| !shown(seen)).collect();
    [dir].into_iter().chain(inside).collect()
}

/// The keys that `gateway.tls.keyPath` names outside of this installation, the next one too.
fn keys_elsewhere(scene: &Scene<'_>) -> Vec<Seen> {
    let paths = &scene.ctx.paths;
    let Some(tls) = scene.config().map(|config| &config.gateway.tls) else { return Vec::new() };
    let keys = [tls.key_file(paths), tls.next_key_file(paths)];
    keys.iter().filter(|key| !key.starts_with(paths.tls_dir())).filter_map(|key| Seen::at(key)).collect()
}

/// A key that other programs may use, too: who is in its group is its owner's decision, and everybody is nobody's.
fn judge_shared(scene: &Scene<'_>, seen: Seen) -> Option<Finding> {
    let kind = match seen.mode & 0o007 {
        _ if seen.sort != Sort::File => return None,
        0 => return None,
        bits if bits & 0o002 != 0 => &TLS_WRITE,
        _ => &TLS_READ,
    };
    let path = seen.path.clone();
    let detail = format!("has mode {:04o}", seen.mode);
    let shell = format!("chmod o-rwx {}", path.display());
    Some(match seen.foreign_owner() {
        Some(uid) => Finding::in_file(kind, &path, format!("{detail}, and belongs to user {uid}"))
            .fix(format!("as its owner: {shell}")),
        None => {
            let mend = scene.unlinked(&path, async move { seen.restrict(0o770) });
            Finding::in_file(kind, &path, detail).fix(shell).mend(mend)
        }
    })
}

/// What was kept beside the configuration when it was changed, by this program or by OpenClaw.
fn former_configs(paths: &Paths) -> Vec<Seen> {
    let (Some(dir), Some(name)) = (paths.config_file.parent(), paths.config_file.file_name()) else {
        return Vec::new();
    };
    let name = name.to_string_lossy().into_owned();
    let former = |seen: &Seen| {
        let after = seen.name().strip_prefix(&name).map(str::to_owned);
        after.is_some_and(|rest| [".bak", ".broken"].iter().any(|suffix| rest.starts_with(suffix)))
    };
    let all = Seen::at(dir).map(|dir| dir.children()).unwrap_or_default();
    all.into_iter().filter(former).collect()
}

/// What others may do with it, if anything.
fn judge(scene: &Scene<'_>, seen: Seen, family: &'static Family) -> Option<Finding> {
    if !matches!(seen.sort, Sort::File | Sort::Directory) {
        // A link has no permissions of its own, and what it leads to is not this installation's.
        return None;
    }
    let path = seen.path.clone();
    if let Some(uid) = seen.foreign_owner() {
        let fix = format!("give it to this user: sudo chown {} {}", own_user(), path.display());
        return Some(Finding::in_file(&FOREIGN, &path, format!("belongs to user {uid}")).fix(fix));
    }
    let others = seen.mode & 0o077;
    let kind = match () {
        () if others & 0o002 != 0 => family.write_all,
        () if others & 0o020 != 0 => family.write_group,
        () if others & 0o005 != 0 => family.read_all,
        () if others & 0o050 != 0 => family.read_group,
        () => return None,
    };
    // A directory that can only be looked into tells names, not what is in the files.
    let names_only = seen.sort == Sort::Directory && others & 0o022 == 0;
    let severity = if names_only { Severity::Warn } else { kind.severity };
    let (mode, keep) = (seen.mode, if seen.sort == Sort::Directory { 0o7700 } else { 0o600 });
    let shell = format!("chmod {:o} {}", mode & keep & 0o777, path.display());
    Some(
        Finding::in_file(kind, &path, format!("has mode {mode:04o}"))
            .severity(severity)
            .fix(shell)
            .mend(scene.unlinked(&path, async move { seen.restrict(keep) })),
    )
}
