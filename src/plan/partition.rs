//! The parts of AWS that know nothing of each other: regions, host names and ARNs differ.

/// A part of AWS: <https://docs.aws.amazon.com/general/latest/gr/rande.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Partition {
    /// The second part of its ARNs: `aws`.
    pub(crate) name: &'static str,
    /// What its host names end with: `amazonaws.com`.
    pub(crate) suffix: &'static str,
}

const COMMERCIAL: Partition = Partition { name: "aws", suffix: "amazonaws.com" };

/// By what their regions start with; the same table as in the SDKs of AWS.
const OTHERS: &[(&str, Partition)] = &[
    ("cn-", Partition { name: "aws-cn", suffix: "amazonaws.com.cn" }),
    ("us-gov-", Partition { name: "aws-us-gov", suffix: "amazonaws.com" }),
    ("eusc-", Partition { name: "aws-eusc", suffix: "amazonaws.eu" }),
    ("us-iso-", Partition { name: "aws-iso", suffix: "c2s.ic.gov" }),
    ("us-isob-", Partition { name: "aws-iso-b", suffix: "sc2s.sgov.gov" }),
    ("eu-isoe-", Partition { name: "aws-iso-e", suffix: "cloud.adc-e.uk" }),
    ("us-isof-", Partition { name: "aws-iso-f", suffix: "csp.hci.ic.gov" }),
];

impl Partition {
    /// That of a region.
    pub(crate) fn of(region: &str) -> Self {
        let found = OTHERS.iter().find(|(start, _)| region.starts_with(start));
        found.map_or(COMMERCIAL, |(_, partition)| *partition)
    }

    /// Whether a host belongs to AWS itself, in any partition.
    #[cfg(feature = "ecr")]
    pub(crate) fn has_host(host: &str) -> bool {
        // Dual-stack names end with the last two.
        let suffixes = OTHERS.iter().map(|(_, partition)| partition.suffix);
        let mut suffixes = suffixes.chain([COMMERCIAL.suffix, "api.aws", "api.amazonwebservices.com.cn"]);
        suffixes.any(|suffix| host.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.')))
    }
}

#[cfg(test)]
mod tests {
    use super::Partition;

    #[test]
    fn regions_tell_the_partition() {
        for (region, name, suffix) in [
            ("eu-west-1", "aws", "amazonaws.com"),
            ("us-east-1", "aws", "amazonaws.com"),
            ("cn-northwest-1", "aws-cn", "amazonaws.com.cn"),
            ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
            ("us-iso-east-1", "aws-iso", "c2s.ic.gov"),
            ("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov"),
            ("eusc-de-east-1", "aws-eusc", "amazonaws.eu"),
        ] {
            assert_eq!(Partition::of(region), Partition { name, suffix }, "{region}");
        }
    }

    #[test]
    #[cfg(feature = "ecr")]
    fn hosts_of_aws() {
        assert!(Partition::has_host("vpce-1-2.api.ecr.eu-west-1.vpce.amazonaws.com"));
        assert!(Partition::has_host("api.ecr.cn-north-1.amazonaws.com.cn"));
        for other in ["127.0.0.1", "localhost", "amazonaws.com.example.com", "notamazonaws.com"] {
            assert!(!Partition::has_host(other), "{other}");
        }
    }
}
