//! The formats that metrics are served in: OpenMetrics 1.0, and Prometheus' text format 0.0.4 for those who do not ask for it.

use std::fmt::Write as _;

/// A format of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// `application/openmetrics-text; version=1.0.0`
    OpenMetrics,
    /// `text/plain; version=0.0.4`
    Prometheus,
}

impl TextFormat {
    /// The format that a request's `Accept` header prefers; 0.0.4 where it names neither.
    #[must_use]
    pub fn preferred(accept: &str) -> TextFormat {
        let (mut open_metrics, mut prometheus) = (0.0, 0.0_f64);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
            let (mut quality, mut is_known_version) = (1.0, true);
            for parameter in parts {
                if let Some(value) = parameter.strip_prefix("q=") {
                    quality = value.parse().unwrap_or(0.0);
                } else if let Some(version) = parameter.strip_prefix("version=") {
                    is_known_version = media_type != "application/openmetrics-text" || version == "1.0.0";
                }
            }
            match media_type.as_str() {
                "application/openmetrics-text" if is_known_version => open_metrics = f64::max(open_metrics, quality),
                "text/plain" | "text/*" | "*/*" => prometheus = prometheus.max(quality),
                _ => {}
            }
        }
        if open_metrics > 0.0 && open_metrics >= prometheus {
            TextFormat::OpenMetrics
        } else {
            TextFormat::Prometheus
        }
    }

    /// The value of `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            TextFormat::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            TextFormat::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// The text in this format.
    #[must_use]
    pub fn of_open_metrics(self, encoded: String) -> String {
        match self {
            TextFormat::OpenMetrics => encoded,
            TextFormat::Prometheus => prometheus(&encoded),
        }
    }
}

/// In 0.0.4 a counter is described by the name of its samples, and there is neither a unit nor an end.
fn prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = None;
    for line in open_metrics.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = described.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|typed| typed.split_once(' ')) {
            let suffix = if kind == "counter" { "_total" } else { "" };
            let help = help.take().map_or("", |(_, help)| help);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}");
        } else if let Some(sample) = line.strip_suffix(" inf") {
            let _ = writeln!(text, "{sample} +Inf");
        } else if !line.starts_with("# UNIT ") && line != "# EOF" {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_the_one_that_the_client_prefers() {
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accept, format) in [
            (prometheus_2, TextFormat::OpenMetrics),
            (
                "application/openmetrics-text; version=1.0.0; q=0.2, text/plain; q=0.5",
                TextFormat::Prometheus,
            ),
            (
                "application/openmetrics-text; version=0.0.1, */*; q=0.1",
                TextFormat::Prometheus,
            ),
            ("application/openmetrics-text", TextFormat::OpenMetrics),
            ("text/plain", TextFormat::Prometheus),
            ("text/html,*/*;q=0.8", TextFormat::Prometheus),
            ("*/*", TextFormat::Prometheus),
            ("", TextFormat::Prometheus),
        ] {
            assert_eq!(TextFormat::preferred(accept), format, "{accept}");
        }
    }

    #[test]
    fn a_counter_is_described_by_the_name_of_its_samples_in_the_older_format() {
        let open_metrics = "# HELP a Help.\n# TYPE a counter\n# UNIT a bytes\na_total{x=\"y\"} 1\n\
                            # HELP b Other.\n# TYPE b gauge\nb inf\n# EOF\n";
        assert_eq!(
            TextFormat::Prometheus.of_open_metrics(open_metrics.to_owned()),
            "# HELP a_total Help.\n# TYPE a_total counter\na_total{x=\"y\"} 1\n# HELP b Other.\n# TYPE b gauge\nb +Inf\n"
        );
        assert_eq!(
            TextFormat::OpenMetrics.of_open_metrics(open_metrics.to_owned()),
            open_metrics
        );
    }
}
