//! The members of a consumer group.

use rdkafka::consumer::Consumer as _;

use crate::kafka::cluster::cluster::Cluster;
use crate::kafka::error::KafkaError;

impl Cluster {
    /// The names of all consumer groups.
    ///
    /// # Errors
    /// No broker answered, or it refused us.
    pub fn groups(&self) -> Result<Vec<String>, KafkaError> {
        let doing = "list the consumer groups";
        self.brokers()?;
        let groups = self.ask(doing, |timeout| self.client.fetch_group_list(None, timeout))?;
        Ok(groups.groups().iter().map(|group| group.name().to_owned()).collect())
    }

    /// The number of members of the group now: 0 for one that does not exist, and for one of the newer group protocol
    /// (KIP-848), which this request does not describe.
    ///
    /// # Errors
    /// No broker answered, or it refused us.
    pub fn group_members(&self, group: &str) -> Result<usize, KafkaError> {
        let doing = "describe the consumer group";
        // librdkafka asks every broker that it knows. Before the first metadata it knows none, does not ask for them, and waits a
        // second for those that it reads at that interval.
        self.brokers()?;
        let groups = self.ask(doing, |timeout| self.client.fetch_group_list(Some(group), timeout))?;
        let of_group = groups.groups().iter().filter(|found| found.name() == group);
        Ok(of_group.map(|found| found.members().len()).sum())
    }
}
