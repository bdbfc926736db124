//! Transcripts of voice messages and audio files, made once the file is here and before its message is heard. A message never fails for
//! want of one: it says why there is none.

mod program;

use super::arriving;
use crate::models::Models;
use crate::models::hearing::{HeardBy, Hearer};
use crate::runs::dispatch;
use crate::shared::Shared;
use channels::Sound;
use channels::policy::Access;
use llm::Speech;
use model::{ChatKind, Inbound, Outbound};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// One attempt, where the configuration does not say.
const ATTEMPT: Duration = Duration::from_secs(60);
/// All attempts for a message together, whatever the configuration says: what follows in its chat waits for them.
const WITHIN: Duration = Duration::from_secs(300);
/// A program that is to end has so much more.
const LAST: Duration = Duration::from_secs(5);
/// Larger files are not given to anybody, where the configuration does not say.
const MAX_BYTES: u64 = 20 * 1024 * 1024;
/// Nor ever: a file is read as a whole, and stands once more in what is sent.
const MOST_BYTES: u64 = 50 * 1024 * 1024;
/// Nothing that was said is smaller.
const MIN_BYTES: u64 = 1024;
/// Characters of a transcript: hours of speech stay below it.
const MAX_CHARS: usize = 100_000;
/// Characters of a reason that stand in a message.
const MAX_REASON: usize = 300;

/// What models write where nothing was said.
const NOTHING: [&str; 3] = ["context:", "###", "Transcribe the audio."];

/// Puts transcripts of what can be heard into a message, and gives what is said of them in its chat.
pub(super) async fn add(
    shared: &Shared,
    (row, inbound): (i64, &mut Inbound),
    sounds: &[Sound],
) -> Result<Vec<Outbound>, store::StoreError> {
    if sounds.is_empty() || !is_wanted(shared, inbound) {
        return Ok(vec![]);
    }
    let hearers = hearers(shared, inbound).await;
    if hearers.is_empty() {
        return Ok(vec![]);
    }
    let mut heard = Vec::new();
    let until = Instant::now() + WITHIN;
    let Some(_place) = arriving::to_listen(shared, row, inbound, until).await else {
        inbound.remark("[no transcript: others were listened to all the time]");
        return Ok(vec![]);
    };
    for sound in sounds {
        match words(shared, &hearers, sound, until).await {
            Ok(words) if words.is_empty() => inbound.remark("[no transcript: nothing was said]"),
            Ok(words) => {
                inbound.hear(&words);
                heard.push(words);
            }
            Err(why) => inbound.remark(&format!("[no transcript: {why}]")),
        }
    }
    echo(shared, inbound, &heard).await
}

/// Who is asked for a message's transcript.
async fn hearers(shared: &Shared, inbound: &Inbound) -> Vec<Hearer> {
    let (models, agent) = (shared.models(), dispatch::session_of(shared, inbound).agent_id().to_owned());
    let looking = tokio::task::spawn_blocking(move || Models::hearers(&models, &agent));
    looking.await.unwrap_or_default()
}

/// Whether transcripts are to be made in a chat.
fn is_wanted(shared: &Shared, inbound: &Inbound) -> bool {
    let (models, key) = (shared.models(), dispatch::session_of(shared, inbound));
    let is_group = inbound.chat.kind == ChatKind::Group;
    let audio = models.audio();
    audio.enabled && audio.scope.allows(&inbound.channel, is_group, key.as_str())
}

/// Whether the agent may be meant in words that were only spoken, in a group where it has to be called: then they are listened to
/// although nobody knows yet whether the message is for it.
pub(super) async fn may_call(shared: &Shared, inbound: &Inbound) -> bool {
    let is_sound =
        |coming: &model::Coming| matches!(coming.becomes, model::Becomes::File { sound: Some(_), .. });
    let is_voice = inbound.event.is_none()
        && inbound.said.as_ref().unwrap_or(&inbound.text).trim().is_empty()
        && inbound.coming.iter().any(is_sound);
    if !is_voice || !is_wanted(shared, inbound) {
        return false;
    }
    let settings = shared.settings();
    let Inbound { channel, account, chat, .. } = inbound;
    let group = dispatch::group_of(&shared.channels.moved_groups(), &settings, channel, account, &chat.id);
    let is_off = group.is_some_and(|group| group.disable_audio_preflight == Some(true));
    let key = dispatch::session_of(shared, inbound);
    !is_off && settings.mentions.has_any(key.agent_id()) && !hearers(shared, inbound).await.is_empty()
}

/// What is said in its chat of transcripts, where that is wanted and the message is for the agent.
async fn echo(
    shared: &Shared,
    inbound: &Inbound,
    heard: &[String],
) -> Result<Vec<Outbound>, store::StoreError> {
    let models = shared.models();
    let audio = models.audio();
    if !audio.echo
        || heard.is_empty()
        || dispatch::access_when_called(shared, inbound).await? != Some(Access::Allow)
    {
        return Ok(vec![]);
    }
    let to = |text| Outbound {
        channel: inbound.channel.clone(),
        account: inbound.account.clone(),
        to: inbound.chat.id.clone(),
        text,
        ..Outbound::default()
    };
    let texts = heard.iter().map(|words| audio.echo_format.replace("{transcript}", words));
    Ok(texts.flat_map(|text| channels::Telegram::split(&text)).map(to).collect())
}

/// What is said in a file, by the first who can tell.
async fn words(shared: &Shared, hearers: &[Hearer], sound: &Sound, until: Instant) -> Result<String, String> {
    if sound.size < MIN_BYTES {
        return Err("the recording is too short".to_owned());
    }
    let mut problem = "nobody was asked".to_owned();
    for hearer in hearers {
        match ask(shared, hearer, sound, until).await {
            Ok(words) => return Ok(clean(&words, hearer)),
            Err(why) => {
                tracing::warn!(file = %sound.path.display(), by = hearer.name, %why, "no transcript");
                problem = format!("{}: {}", hearer.name, short(&why));
            }
        }
        if Instant::now() >= until {
            break;
        }
    }
    Err(problem)
}

async fn ask(shared: &Shared, hearer: &Hearer, sound: &Sound, until: Instant) -> Result<String, String> {
    let max = hearer.bounds.max_bytes.unwrap_or(MAX_BYTES).min(MOST_BYTES);
    if sound.size > max {
        return Err(format!(
            "the file has {} bytes, the limit is {max} (tools.media.audio.maxBytes)",
            sound.size
        ));
    }
    let attempt = hearer.bounds.timeout_seconds.map_or(ATTEMPT, Duration::from_secs).min(WITHIN);
    let until = until.min(Instant::now() + attempt);
    let late = || format!("there was no answer within {} s", attempt.as_secs());
    // Dropped with the attempt, which ends it.
    let cancel = CancellationToken::new();
    match &hearer.by {
        HeardBy::Nobody(why) => Err(why.clone()),
        HeardBy::Program { command, args } => {
            let dir = shared.paths.state_dir.join("media").join("transcripts");
            // It ends the program by itself, first asking it to; that takes its time.
            let running = program::run_in(&dir, (command, args), hearer, sound, attempt);
            timeout_at(until + LAST, running).await.unwrap_or_else(|_| Err(late()))
        }
        HeardBy::Provider(listener) => {
            let bytes = tokio::fs::read(&sound.path).await.map_err(|e| e.to_string())?;
            let name = upload_name(sound);
            let speech = Speech {
                bytes: &bytes,
                name: &name,
                media_type: &sound.media_type,
                language: hearer.bounds.language.as_deref(),
                prompt: hearer.bounds.prompt.as_deref(),
            };
            let heard = timeout_at(until, listener.words(&speech, &cancel)).await;
            heard.map_err(|_| late())?.map_err(|e| e.message)
        }
    }
}

/// Providers go by the ending, and know Telegram's `oga` by another.
fn upload_name(sound: &Sound) -> String {
    let name = sound.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let ending = match (sound.path.extension().and_then(|e| e.to_str()), sound.media_type.as_str()) {
        (Some(known), _) if !known.eq_ignore_ascii_case("oga") => return name,
        (Some(_), _) | (None, "audio/ogg") => "ogg",
        (None, "audio/mp4" | "audio/x-m4a") => "m4a",
        (None, "audio/wav" | "audio/x-wav") => "wav",
        (None, _) => "mp3",
    };
    let stem = sound.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    format!("{stem}.{ending}")
}

/// Without what stands for nothing, and within bounds.
fn clean(words: &str, hearer: &Hearer) -> String {
    let words = words.trim();
    if NOTHING.contains(&words) {
        return String::new();
    }
    let max = hearer.bounds.max_chars.and_then(|max| usize::try_from(max).ok()).unwrap_or(MAX_CHARS);
    words.chars().take(max.min(MAX_CHARS)).collect()
}

/// A reason in one line that is not too long to stand in a message.
fn short(why: &str) -> String {
    let line: String = why.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace(['[', ']'], "").chars().take(MAX_REASON).collect()
}
