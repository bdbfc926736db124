//! Files of a node, as a gateway reads and writes them.

use crate::support::{Bench, Peer, invoke, payload, result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The names in a directory, hidden ones too.
fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).filter(|n| n != "state").collect();
    names.sort();
    names
}

async fn ask(peer: &mut Peer, command: &str, params: Value) -> Value {
    invoke(peer, &model::new_id(), command, params).await;
    payload(peer).await
}

#[tokio::test]
async fn a_file_is_written_whole_and_read_as_it_is() {
    let bench = Bench::new().await;
    let (work, content) = (bench.work(), "grüße\n".repeat(100_000));
    let path = work.join("new/deep/notes.txt");
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            let sha = sha256(content.as_bytes());
            let write = json!({"path": path, "contentBase64": base64(content.as_bytes()), "createParents": true,
                "expectedSha256": sha});
            let written = ask(&mut peer, "file.write", write.clone()).await;
            let metadata = std::fs::metadata(&path).unwrap();
            let binding = json!({"kind": "existing", "device": metadata.dev().to_string(), "inode": metadata.ino().to_string()});
            assert_eq!(written, json!({"ok": true, "path": path, "size": content.len(), "sha256": sha,
                "overwritten": false, "binding": binding}));
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);

            let fetched = ask(&mut peer, "file.fetch", json!({"path": path})).await;
            assert_eq!(fetched, json!({"ok": true, "path": path, "size": content.len(), "mimeType": "text/plain",
                "base64": base64(content.as_bytes()), "sha256": sha, "binding": binding}));

            let stat = ask(&mut peer, "file.stat", json!({"path": path, "preflightOnly": true})).await;
            let millis = metadata.mtime() as f64 * 1000.0 + metadata.mtime_nsec() as f64 / 1e6;
            assert_eq!(stat, json!({"ok": true, "path": path, "type": "file", "size": content.len(),
                "mtimeMs": millis, "binding": binding, "preflightOnly": true}));

            // Written over: it keeps its mode, and nothing else is left beside it.
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            let over = json!({"path": path, "contentBase64": base64(b"short"), "overwrite": true});
            assert_eq!(ask(&mut peer, "file.write", over).await["overwritten"], true);
            assert_eq!(std::fs::read(&path).unwrap(), b"short");
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
            assert_eq!(names(path.parent().unwrap()), ["notes.txt"]);
        })
        .await;
}

#[tokio::test]
async fn what_cannot_be_done_is_told_by_its_code_and_changes_nothing() {
    let bench = Bench::new().await;
    let work = bench.work();
    std::fs::write(work.join("there"), "old").unwrap();
    std::fs::create_dir(work.join("dir")).unwrap();
    symlink(work.join("there"), work.join("link")).unwrap();
    symlink(&work, work.join("up")).unwrap();
    std::fs::hard_link(work.join("there"), work.join("twin")).unwrap();
    bench.pipe("pipe");
    let at = |name: &str| work.join(name).display().to_string();
    let write = |path: &str| json!({"path": path, "contentBase64": "aGk="});
    let with = |mut params: Value, more: Value| {
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    let over = |name: &str| with(write(&at(name)), json!({"overwrite": true}));
    let cases = [
        ("file.fetch", json!({}), "INVALID_PATH"),
        ("file.fetch", json!({"path": "there"}), "INVALID_PATH"),
        ("file.fetch", json!({"path": at("dir/../there")}), "INVALID_PATH"),
        ("file.fetch", json!({"path": format!("{}\0", at("there"))}), "INVALID_PATH"),
        ("file.fetch", json!({"path": at("nothing")}), "NOT_FOUND"),
        ("file.fetch", json!({"path": at("there/below")}), "NOT_FOUND"),
        ("file.fetch", json!({"path": at("dir")}), "IS_DIRECTORY"),
        ("file.fetch", json!({"path": at("pipe")}), "UNSUPPORTED_FILE_TYPE"),
        ("file.fetch", json!({"path": "/dev/zero"}), "UNSUPPORTED_FILE_TYPE"),
        ("file.fetch", json!({"path": at("there"), "maxBytes": 2}), "FILE_TOO_LARGE"),
        ("file.fetch", json!({"path": at("link")}), "SYMLINK_REDIRECT"),
        ("file.fetch", json!({"path": at("up/there")}), "SYMLINK_REDIRECT"),
        ("file.fetch", json!({"path": at("there"), "rootPath": at("dir")}), "INVALID_PATH"),
        ("file.fetch", json!({"path": at("there"), "transport": "binary", "maxBytes": 9}), "INVALID_PARAMS"),
        (
            "file.fetch",
            json!({"path": at("there"), "expectedCanonicalPath": at("dir")}),
            "CANONICAL_PATH_CHANGED",
        ),
        ("file.stat", json!({"path": at("link")}), "SYMLINK_REDIRECT"),
        ("file.stat", json!({"path": at("pipe")}), "UNSUPPORTED_FILE_TYPE"),
        ("dir.list", json!({"path": at("there")}), "IS_FILE"),
        ("dir.list", json!({"path": at("up")}), "SYMLINK_REDIRECT"),
        ("dir.fetch", json!({"path": at("there")}), "IS_FILE"),
        ("file.write", json!({"path": at("new")}), "INVALID_BASE64"),
        ("file.write", json!({"path": at("new"), "contentBase64": "not base64"}), "INVALID_BASE64"),
        ("file.write", write("new"), "INVALID_PATH"),
        ("file.write", write(&at("dir/../new")), "INVALID_PATH"),
        ("file.write", write("/"), "IS_DIRECTORY"),
        ("file.write", write(&at("none/new")), "PARENT_NOT_FOUND"),
        ("file.write", write(&at("there")), "EXISTS_NO_OVERWRITE"),
        ("file.write", over("dir"), "IS_DIRECTORY"),
        ("file.write", over("link"), "SYMLINK_TARGET_DENIED"),
        ("file.write", over("up/there"), "SYMLINK_REDIRECT"),
        ("file.write", over("pipe"), "UNSUPPORTED_FILE_TYPE"),
        ("file.write", with(over("there"), json!({"rejectHardlinks": true})), "HARDLINK_TARGET_DENIED"),
        (
            "file.write",
            with(write(&at("new")), json!({"expectedSha256": sha256(b"other")})),
            "INTEGRITY_FAILURE",
        ),
        (
            "file.write",
            with(write(&at("new")), json!({"expectedCanonicalPath": at("x")})),
            "CANONICAL_PATH_CHANGED",
        ),
        (
            "file.write",
            with(
                write(&at("new")),
                json!({"expectedBinding": {"kind": "existing", "device": "1", "inode": "1"}}),
            ),
            "CANONICAL_PATH_CHANGED",
        ),
    ];
    let before = names(&work);
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            for (command, params, code) in cases {
                let told = ask(&mut peer, command, params.clone()).await;
                let is_told = told["ok"] == false && told["code"] == code && told["message"].is_string();
                assert!(is_told, "{command} {params}: {told}");
            }
            let told = ask(&mut peer, "file.fetch", json!({"path": at("link")})).await;
            assert_eq!(told["canonicalPath"], at("there"));
            let large = json!({"path": at("new"), "contentBase64": "A".repeat(22_369_628)});
            assert_eq!(ask(&mut peer, "file.write", large).await["code"], "FILE_TOO_LARGE");
        })
        .await;
    assert_eq!(names(&work), before);
    assert_eq!(std::fs::read_to_string(work.join("there")).unwrap(), "old");
}

#[tokio::test]
async fn links_are_followed_only_when_that_is_asked_for_and_their_ends_are_named() {
    let bench = Bench::new().await;
    let work = bench.work();
    std::fs::create_dir(work.join("real")).unwrap();
    std::fs::write(work.join("real/file"), "here").unwrap();
    symlink(work.join("real"), work.join("way")).unwrap();
    let at = |name: &str| work.join(name).display().to_string();
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            let follow = |name: &str| json!({"path": at(name), "followSymlinks": true});
            let fetched = ask(&mut peer, "file.fetch", follow("way/file")).await;
            assert_eq!(
                (&fetched["path"], &fetched["base64"]),
                (&json!(at("real/file")), &json!(base64(b"here")))
            );
            assert_eq!(ask(&mut peer, "dir.list", follow("way")).await["path"], at("real"));

            let mut write = follow("way/more/new");
            write["createParents"] = json!(true);
            write["contentBase64"] = json!("aGk=");
            assert_eq!(ask(&mut peer, "file.write", write).await["path"], at("real/more/new"));
            assert_eq!(std::fs::read(work.join("real/more/new")).unwrap(), b"hi");

            // Within a root, a link on the way may not lead out of it.
            std::fs::create_dir(work.join("room")).unwrap();
            symlink(work.join("real"), work.join("room/out")).unwrap();
            let mut confined = follow("room/out/file");
            confined["rootPath"] = json!(at("room"));
            assert_eq!(ask(&mut peer, "file.fetch", confined).await["code"], "SYMLINK_REDIRECT");
        })
        .await;
}

#[tokio::test]
async fn what_was_looked_at_is_what_is_written_and_read() {
    let bench = Bench::new().await;
    let work = bench.work();
    let (dir, file, elsewhere) = (work.join("dir"), work.join("dir/file"), work.join("elsewhere"));
    std::fs::create_dir(&elsewhere).unwrap();
    let fresh = || {
        if dir.is_symlink() {
            std::fs::remove_file(&dir).unwrap();
        } else if dir.exists() {
            std::fs::remove_dir_all(&dir).unwrap();
        }
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(&file, "old").unwrap();
    };
    let (replaced, linked, gone) = (work.join("replaced"), work.join("linked"), work.join("gone"));
    let changes: [(&str, &dyn Fn()); 4] = [
        ("another file has its name", &|| {
            std::fs::write(&replaced, "other").unwrap();
            std::fs::rename(&replaced, &file).unwrap();
        }),
        ("a link has its name", &|| {
            symlink(elsewhere.join("x"), &linked).unwrap();
            std::fs::rename(&linked, &file).unwrap();
        }),
        ("it is gone", &|| std::fs::remove_file(&file).unwrap()),
        ("its directory is a link", &|| {
            std::fs::rename(&dir, &gone).unwrap();
            symlink(&elsewhere, &dir).unwrap();
            std::fs::remove_dir_all(&gone).unwrap();
        }),
    ];
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            for (what, change) in changes {
                fresh();
                for (command, mut params) in [
                    ("file.fetch", json!({"path": file})),
                    ("file.write", json!({"path": file, "contentBase64": "aGk=", "overwrite": true})),
                ] {
                    fresh();
                    params["preflightOnly"] = json!(true);
                    let seen = ask(&mut peer, command, params.clone()).await;
                    assert_eq!(seen["ok"], true, "{seen}");
                    change();
                    params["preflightOnly"] = json!(false);
                    params["expectedCanonicalPath"] = seen["path"].clone();
                    params["expectedBinding"] = seen["binding"].clone();
                    let told = ask(&mut peer, command, params).await;
                    assert_eq!(told["ok"], false, "{command}, {what}: {told}");
                }
            }
            // What was looked at and is as it was is written.
            fresh();
            let mut params =
                json!({"path": file, "contentBase64": "aGk=", "overwrite": true, "preflightOnly": true});
            let seen = ask(&mut peer, "file.write", params.clone()).await;
            params["preflightOnly"] = json!(false);
            params["expectedBinding"] = seen["binding"].clone();
            assert_eq!(ask(&mut peer, "file.write", params).await["ok"], true);
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "hi");
        })
        .await;
    assert_eq!(names(&elsewhere), [""; 0]);
}

#[tokio::test]
async fn a_directory_is_listed_page_by_page_and_links_are_named_only() {
    let bench = Bench::new().await;
    let dir = bench.work().join("many");
    std::fs::create_dir_all(dir.join("b dir")).unwrap();
    for name in ["a.md", "c.png", ".hidden"] {
        std::fs::write(dir.join(name), "12345").unwrap();
    }
    symlink("/etc", dir.join("z")).unwrap();
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            let (mut seen, mut token) = (Vec::new(), Value::Null);
            loop {
                let page =
                    ask(&mut peer, "dir.list", json!({"path": dir, "maxEntries": 2, "pageToken": token}))
                        .await;
                assert_eq!((&page["ok"], &page["path"]), (&json!(true), &json!(dir)));
                for entry in page["entries"].as_array().unwrap() {
                    assert!(entry["mtime"].as_f64().unwrap() > 0.0, "{entry}");
                    seen.push((
                        entry["name"].clone(),
                        entry["path"].clone(),
                        entry["size"].clone(),
                        entry["mimeType"].clone(),
                        entry["isDir"].clone(),
                    ));
                }
                token = page["nextPageToken"].clone();
                assert_eq!(page["truncated"], token.is_string(), "{page}");
                if token.is_null() {
                    break;
                }
            }
            let entry = |name: &str, size: u64, kind: &str| {
                (
                    json!(name),
                    json!(dir.join(name)),
                    json!(size),
                    json!(kind),
                    json!(kind == "inode/directory"),
                )
            };
            let link = entry("z", 4, "application/octet-stream");
            assert_eq!(
                seen,
                [
                    entry(".hidden", 5, "application/octet-stream"),
                    entry("a.md", 5, "text/markdown"),
                    entry("b dir", 0, "inode/directory"),
                    entry("c.png", 5, "image/png"),
                    link
                ]
            );
        })
        .await;
}

#[tokio::test]
async fn a_directory_comes_whole_or_not_at_all() {
    let bench = Bench::new().await;
    let dir = bench.work().join("tree");
    let long = "n".repeat(200);
    std::fs::create_dir_all(dir.join("sub").join(&long)).unwrap();
    std::fs::write(dir.join("a"), "first").unwrap();
    std::fs::write(dir.join("sub").join(&long).join("b"), "second").unwrap();
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            let looked = ask(&mut peer, "dir.fetch", json!({"path": dir, "preflightOnly": true})).await;
            let entries = json!(["a", "sub", format!("sub/{long}"), format!("sub/{long}/b")]);
            assert_eq!(
                (&looked["entries"], &looked["tarBytes"], &looked["preflightOnly"]),
                (&entries, &json!(0), &json!(true))
            );
            let fetched =
                ask(&mut peer, "dir.fetch", json!({"path": dir, "expectedBinding": looked["binding"]})).await;
            assert_eq!((&fetched["entries"], &fetched["fileCount"]), (&entries, &json!(4)));
            let packed = STANDARD.decode(fetched["tarBase64"].as_str().unwrap()).unwrap();
            assert_eq!(
                (&fetched["sha256"], &fetched["tarBytes"]),
                (&json!(sha256(&packed)), &json!(packed.len()))
            );
            let unpacked = unpacked(&packed);
            assert_eq!(unpacked[&format!("sub/{long}/b")], b"second");
            assert_eq!((unpacked.len(), &unpacked["a"][..]), (4, &b"first"[..]));

            let noise: Vec<u8> =
                (0..20_000u32).flat_map(|i| Sha256::digest(i.to_le_bytes()).to_vec()).collect();
            std::fs::write(dir.join("noise"), noise).unwrap();
            let told = ask(&mut peer, "dir.fetch", json!({"path": dir, "maxBytes": 100_000})).await;
            assert_eq!(told["code"], "TREE_TOO_LARGE", "{told}");
            symlink("/etc/passwd", dir.join("link")).unwrap();
            let told = ask(&mut peer, "dir.fetch", json!({"path": dir})).await;
            assert_eq!(told["code"], "SYMLINK_REDIRECT", "{told}");
        })
        .await;
}

fn unpacked(packed: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (path, bytes)
    });
    entries.collect()
}

#[tokio::test]
async fn directories_are_picked_and_files_uploaded_for_terminals() {
    let bench = Bench::new().await;
    let work = bench.work();
    for name in ["zoo", ".cache", "abc"] {
        std::fs::create_dir(work.join(name)).unwrap();
    }
    std::fs::write(work.join("file"), "").unwrap();
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            let listing = ask(&mut peer, "fs.listDir", json!({"path": work.join("zoo/..")})).await;
            let picked: Vec<&str> =
                listing["entries"].as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap()).collect();
            assert_eq!(picked, ["abc", "state", "zoo", ".cache"]);
            assert_eq!(listing["entries"][3]["hidden"], true);
            assert_eq!((&listing["path"], &listing["parent"]), (&json!(work), &json!(work.parent())));
            invoke(&mut peer, "no", "fs.listDir", json!({"path": "zoo"})).await;
            let (refused, _) = result(&mut peer).await;
            assert_eq!(refused["error"]["message"], "fs.listDir path must be absolute");

            let upload = json!({"name": "../my notes.txt", "contentBase64": "aGVsbG8="});
            let uploaded = ask(&mut peer, "terminal.upload", upload).await;
            assert_eq!(uploaded["size"], 5);
            let path = Path::new(uploaded["path"].as_str().unwrap());
            assert_eq!(path.file_name().unwrap(), "my notes.txt");
            assert_eq!(std::fs::read(path).unwrap(), b"hello");
            let modes = [path, path.parent().unwrap()]
                .map(|p| std::fs::metadata(p).unwrap().permissions().mode() & 0o777);
            assert_eq!(modes, [0o600, 0o700]);
        })
        .await;
}
