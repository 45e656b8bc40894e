//! The name of this archiver as a static member of its group (`group.instance.id`, KIP-345). A process that starts again under
//! the name of one that crashed gets its partitions at once; without a name the group waits until the session of the dead
//! member has expired. A name must not be used twice at a time: the broker would fence the older process.

#[cfg(target_os = "linux")]
use std::os::unix::net::UnixListener;

use crate::config::{InstanceId, KafkaSettings, Settings};
use crate::record::hash::Hash;

/// Archivers of one group on one host that get a name. Further ones are dynamic members.
const SLOTS: usize = 64;

/// The name, held until this is dropped.
#[derive(Debug)]
pub struct Instance {
    /// The name; none for a dynamic member.
    pub name: Option<String>,
    #[cfg(target_os = "linux")]
    _slot: Option<UnixListener>,
}

impl Instance {
    /// The name that the settings ask for. A property `group.instance.id` wins over it, and with `group.protocol=consumer`
    /// the broker keeps the partitions of a static member until its session ends, whatever starts in its place, so there the
    /// name must be set by hand.
    #[must_use]
    pub fn of(settings: &Settings) -> Instance {
        let properties = &settings.kafka.properties;
        let is_decided = properties.get("group.instance.id").is_some();
        match &settings.archive.instance_id {
            _ if is_decided => Instance::named(None),
            InstanceId::Auto if properties.get("group.protocol") == Some("consumer") => Instance::named(None),
            InstanceId::Auto => Instance::of_slot(&settings.kafka),
            InstanceId::None => Instance::named(None),
            InstanceId::Named(name) => Instance::named(Some(name.clone())),
        }
    }

    /// The settings of the consumer.
    #[must_use]
    pub fn settings(&self, kafka: &KafkaSettings) -> KafkaSettings {
        let name = self
            .name
            .iter()
            .map(|name| ("group.instance.id".to_owned(), name.clone()));
        KafkaSettings {
            properties: kafka.properties.overridden_by(&name.collect()),
            ..kafka.clone()
        }
    }

    fn named(name: Option<String>) -> Instance {
        Instance {
            name,
            #[cfg(target_os = "linux")]
            _slot: None,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn of_slot(_kafka: &KafkaSettings) -> Instance {
        Instance::named(None)
    }

    /// The lowest slot that no process of this host holds. A slot is a socket in Linux's abstract namespace: it leaves no file,
    /// needs no folder, and is free as soon as its process is gone. Such a socket is seen in one network namespace, so the name
    /// has the namespace in it.
    #[cfg(target_os = "linux")]
    fn of_slot(kafka: &KafkaSettings) -> Instance {
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::net::SocketAddr;

        let Some(host) = Host::read() else {
            return Instance::named(None);
        };
        let group = short_hash(&format!("{}\n{}", kafka.brokers.join(","), kafka.group_id));
        for slot in 0..SLOTS {
            let address = SocketAddr::from_abstract_name(format!("kivend-archiver/{group}/{slot}"));
            if let Ok(held) = address.and_then(|address| UnixListener::bind_addr(&address)) {
                return Instance {
                    name: Some(format!("kivend-{}-{}-{slot}", host.name, host.id)),
                    _slot: Some(held),
                };
            }
        }
        Instance::named(None)
    }
}

/// A network namespace of a host since its boot. Names of hosts alone are not unique.
#[cfg(target_os = "linux")]
struct Host {
    name: String,
    id: String,
}

#[cfg(target_os = "linux")]
impl Host {
    fn read() -> Option<Host> {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let network = std::fs::read_link("/proc/self/ns/net").ok()?;
        let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        Some(Host {
            name: name.trim().chars().filter(allowed).take(100).collect(),
            id: short_hash(&format!("{}\n{}", boot.trim(), network.display())),
        })
    }
}

/// Eight digits that differ where the text differs.
#[cfg(target_os = "linux")]
fn short_hash(text: &str) -> String {
    let mut hash = Hash::of(text.as_bytes()).to_string();
    hash.truncate(8);
    hash
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn kafka(group_id: &str) -> KafkaSettings {
        KafkaSettings {
            brokers: vec!["localhost:9092".to_owned()],
            group_id: group_id.to_owned(),
            properties: [].into_iter().collect(),
        }
    }

    #[test]
    fn each_archiver_of_a_group_on_a_host_has_a_slot_that_is_free_again_after_it() {
        let group = format!("slots-{}", std::process::id());
        let name = |instance: &Instance| instance.name.clone().unwrap();
        let first = Instance::of_slot(&kafka(&group));
        let second = Instance::of_slot(&kafka(&group));
        let other_group = Instance::of_slot(&kafka(&format!("{group}-other")));
        assert!(
            name(&first).ends_with("-0") && name(&second).ends_with("-1"),
            "{first:?} {second:?}"
        );
        assert!(name(&other_group).ends_with("-0"));
        let freed = name(&first);
        drop(first);
        assert_eq!(name(&Instance::of_slot(&kafka(&group))), freed);
    }

    #[test]
    fn the_name_becomes_the_property_of_the_consumer() {
        let named = Instance::named(Some("pod-3".to_owned())).settings(&kafka("g"));
        assert_eq!(named.properties.get("group.instance.id"), Some("pod-3"));
        let dynamic = Instance::named(None).settings(&kafka("g"));
        assert_eq!(dynamic.properties.get("group.instance.id"), None);
    }
}
