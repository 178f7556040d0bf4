//! Replication maps of Cassandra, as CQL writes them: `{'class': 'NetworkTopologyStrategy', 'eu': 3, 'us': 2}`.

/// The entry that speaks of every datacenter which has none of its own; the only one of `SimpleStrategy`.
const EVERYWHERE: &str = "replication_factor";

/// The map of a keyspace that has replicas in one datacenter.
pub(super) fn in_one(datacenter: &str, replicas: u32) -> String {
    format!("{{'class': 'NetworkTopologyStrategy', '{datacenter}': {replicas}}}")
}

/// The replicas that a map comes to: those of all datacenters together.
pub(super) fn replicas(map: &str) -> u32 {
    entries(map).map(|(_, replicas)| replicas).sum::<u32>().max(1)
}

/// The replicas in one datacenter, by which a local consistency level is counted.
pub(super) fn replicas_in(map: &str, datacenter: &str) -> u32 {
    let of =
        |wanted: &str| entries(map).find(|(name, _)| *name == wanted).map(|(_, replicas)| replicas);
    of(datacenter).or_else(|| of(EVERYWHERE)).unwrap_or(0)
}

/// The entries that have a number, with their names.
fn entries(map: &str) -> impl Iterator<Item = (&str, u32)> {
    fn bare(text: &str) -> &str {
        text.trim_matches(|c: char| c.is_whitespace() || "{}'\"".contains(c))
    }
    map.split(',').filter_map(|entry| {
        let (name, value) = entry.rsplit_once(':')?;
        // Of '3/1', one of three replicas is transient.
        let all = bare(value).split('/').next()?;
        Some((bare(name), all.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_read_from_the_map() {
        let simple = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
        assert_eq!((replicas(simple), replicas_in(simple, "datacenter1")), (1, 1));
        let one = "{'class':'NetworkTopologyStrategy','dc1':'3'}";
        assert_eq!((replicas(one), replicas_in(one, "dc1"), replicas_in(one, "dc2")), (3, 3, 0));
        let two = "{ 'us' : '2', 'class' : 'NetworkTopologyStrategy', 'eu' : '3/1' }";
        assert_eq!((replicas(two), replicas_in(two, "eu"), replicas_in(two, "us")), (5, 3, 2));
        assert_eq!(in_one("dc1", 3), "{'class': 'NetworkTopologyStrategy', 'dc1': 3}");
    }
}
