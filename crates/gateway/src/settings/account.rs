//! What an account of a channel is told by the configuration.

use super::access;
use channels::policy::AccessPolicy;
use config::Config;
use std::collections::BTreeMap;

/// Messages that were not for the agent it is told of: where nobody says how many, and at most.
const HISTORY: u64 = 50;
const MOST_HISTORY: u64 = 200;

/// An account of a channel.
pub(crate) struct AccountSettings {
    access: AccessPolicy,
    pub(super) inline_buttons: config::InlineButtons,
    pub(crate) history_limit: usize,
    pub(crate) reactions: config::ReactionNotifications,
    /// Whether what happens there may change the configuration file.
    pub(crate) config_writes: bool,
    pub(crate) reply_to: Option<config::ReplyToMode>,
    /// Where a message goes without a chat.
    pub(crate) default_to: Option<String>,
    pub(crate) streaming: config::StreamingConfig,
    /// Where people are asked about commands, and by which ids those go who decide.
    pub(crate) approvals: config::ExecApprovals,
    approvers: Vec<String>,
    /// Whose gateway this is, by their ids there.
    pub(crate) owners: Vec<String>,
    /// Names of commands that are messages for the agent.
    pub(crate) custom_commands: Vec<String>,
    /// What is put on a message that was taken up; `None`: the agent's own emoji.
    pub(crate) ack_reaction: Option<String>,
    pub(crate) reaction_level: config::ReactionLevel,
    pub(crate) actions: config::Actions,
    /// Whether the agent says hello in a group that it is added to.
    pub(crate) join_intro: bool,
    pub(crate) error_policy: config::ErrorPolicy,
    /// Whether errors come without a sound.
    pub(crate) silent_errors: bool,
    /// What stands before everything that is said there.
    pub(crate) response_prefix: Option<String>,
    pub(crate) tables: channels::Tables,
    /// Characters of a message at most.
    pub(crate) text_limit: usize,
    direct: BTreeMap<String, config::GroupConfig>,
    /// By chat id, topic and all, or `*`.
    groups: BTreeMap<String, config::GroupConfig>,
}

impl AccountSettings {
    /// Who may speak.
    pub(crate) fn access(&self) -> &AccessPolicy {
        &self.access
    }

    /// Those who alone decide about commands, where there are some.
    pub(crate) fn approvers(&self) -> &[String] {
        &self.approvers
    }

    /// What is configured for a direct chat or a topic of it; a chat's own entry takes the place of the one for all.
    pub(crate) fn direct(&self, chat_id: &str) -> Option<config::GroupConfig> {
        let (chat, topic) = chat_id.split_once(":topic:").map_or((chat_id, None), |(c, t)| (c, Some(t)));
        self.direct.get(chat).or_else(|| self.direct.get("*")).map(|direct| direct.in_topic(topic))
    }

    /// The groups in which everything that is said is for the agent: those that are named by id, and whether all others are among them.
    pub(crate) fn unmentioned_groups(&self) -> (Vec<String>, bool) {
        let hears_all = |group: &config::GroupConfig| group.is_enabled() && !group.requires_mention();
        let is_id =
            |id: &&String| id.strip_prefix('-').is_some_and(|id| id.bytes().all(|b| b.is_ascii_digit()));
        let named = self.groups.iter().filter(|(_, group)| hears_all(group)).map(|(id, _)| id);
        (named.filter(is_id).cloned().collect(), self.groups.get("*").is_some_and(hears_all))
    }

    /// What is configured for a group or topic.
    pub(crate) fn group(&self, chat_id: &str) -> Option<&config::GroupConfig> {
        channels::policy::candidates(chat_id).iter().find_map(|id| self.groups.get(id))
    }
}

/// The accounts that are on, by name.
pub(super) fn accounts(config: &Config) -> BTreeMap<String, AccountSettings> {
    let telegram = config.channels.telegram.as_ref();
    let account = |of: &config::TelegramConfig| {
        let limit = of.history_limit.or(config.messages.group_history_limit).unwrap_or(HISTORY);
        // Their word for: whatever the program thinks best.
        let limit = if limit > 1_000_000_000 { HISTORY } else { limit.min(MOST_HISTORY) };
        let settings = AccountSettings {
            access: access::policy(of),
            inline_buttons: of.inline_buttons,
            history_limit: usize::try_from(limit).unwrap_or_default(),
            reactions: of.reaction_notifications,
            config_writes: of.config_writes,
            reply_to: of.reply_to_mode,
            default_to: of.default_to.clone(),
            streaming: of.streaming.or_whole(config.agents.defaults.block_chars),
            approvals: of.exec_approvals.clone(),
            approvers: match &of.exec_approvals.approvers {
                _ if !of.exec_approvals.enabled => vec![],
                Some(approvers) => approvers.clone(),
                None => config.telegram_owners(),
            },
            owners: config.telegram_owners(),
            custom_commands: of.custom_commands.iter().map(|custom| custom.command.clone()).collect(),
            ack_reaction: of.ack_reaction.clone().or_else(|| config.messages.ack_reaction.clone()),
            reaction_level: of.reaction_level,
            actions: of.actions.clone(),
            join_intro: of.join_intro,
            error_policy: of.error_policy,
            silent_errors: of.silent_errors,
            response_prefix: of.response_prefix.clone().or_else(|| config.messages.response_prefix.clone()),
            tables: match of.tables {
                config::TableMode::Off => channels::Tables::Raw,
                config::TableMode::Bullets => channels::Tables::Points,
                config::TableMode::Code | config::TableMode::Block => channels::Tables::Columns,
            },
            text_limit: of.text_limit,
            direct: of.direct.clone(),
            groups: access::groups(of).into_iter().collect(),
        };
        (of.account.clone(), settings)
    };
    telegram.into_iter().flat_map(|telegram| telegram.enabled_accounts()).map(account).collect()
}
