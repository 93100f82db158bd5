"""One target: what its last probe saw, and what it was like over time.

Holds panels of a single target, so lines may be drawn by phase. Two exporters that
probe it are told apart by `instance`; figures are the worst of what they see.
"""

from deploy.grafana.dashboard import (
    INSTANCE,
    JOB,
    ONE_TARGET,
    PAGES,
    TARGET,
    Dashboard,
    Row,
    page,
)
from deploy.grafana.panels import (
    GREEN,
    ORANGE,
    RED,
    YELLOW,
    Column,
    Query,
    Step,
    lines,
    name,
    ranking,
    stat,
    states,
    table,
)
from deploy.grafana.words import (
    CLOSE_COLOURS,
    FAILED,
    FOUND,
    PHASE_COLOURS,
    PHASE_IN_WORDS,
    REPLY_CODES,
    SEEN,
    UNSOLICITED_COLOURS,
    WELL_OR_FAILING,
    YES_NO,
)
from exporter.vocabulary import Phase

_AGE: tuple[Step, ...] = ((None, GREEN), (600, ORANGE), (1800, RED))
_TIME_LEFT: tuple[Step, ...] = ((None, RED), (3 * 86400, ORANGE), (21 * 86400, GREEN))

_NOW = (
    stat(
        "State",
        "Whether all that the module asks for held in the last probe.",
        "min(smtp_probe_success{@targets})",
        mappings=WELL_OR_FAILING,
        none="not probed",
    ),
    name(
        "Failure",
        "Where the last probe failed first, and why: phase_reason. The exporter's "
        "vocabulary says what each usually means and what to do.",
        Query(
            "max by (phase, reason) (smtp_probe_failure{@targets})",
            "{{phase}}_{{reason}}",
            instant=True,
        ),
        none="none",
        colour=RED,
        width=5,
    ),
    stat(
        "Greeting",
        "The reply code of the greeting; 220 invites.",
        'max(smtp_reply_code{@targets,phase="greeting"})',
        unit="none",
        mappings=REPLY_CODES,
        none="no greeting",
        width=2,
    ),
    name(
        "Goodbye",
        "The class that the last session ended in. Only clean is a 221 in answer to "
        "QUIT and then TCP's end.",
        Query("max by (close) (smtp_session_end{@targets})", "{{close}}", instant=True),
        none="no session",
        width=4,
    ),
    stat(
        "Duration",
        "From the start of the last probe to the answer to QUIT.",
        "max(smtp_probe_duration_seconds{@targets})",
        unit="s",
        width=2,
    ),
    stat(
        "Succeeded",
        "The part of its probes that succeeded in the chosen time.",
        "1 - "
        "(sum(increase(smtp_probe_failures_total{@targets}[$__range])) or vector(0))"
        " / sum(increase(smtp_probes_total{@targets}[$__range]))",
        unit="percentunit",
        steps=((None, RED), (0.99, YELLOW), (0.999, GREEN)),
        width=2,
    ),
    stat(
        "Last probe",
        "How long ago the last probe ended.",
        "time() - max(smtp_last_probe_timestamp_seconds{@targets})",
        unit="s",
        steps=_AGE,
    ),
    stat(
        "Last success",
        "How long ago the last probe ended that succeeded.",
        "time() - max(smtp_last_success_timestamp_seconds{@targets})",
        unit="s",
        steps=_AGE,
        none="none since the start",
    ),
)

_OVER_TIME = (
    states(
        "State over time",
        "Whether the last probe succeeded, whether it read a greeting, whether 221 "
        "answered QUIT, and whether the close was clean.",
        Query("min(smtp_probe_success{@targets})", "succeeds"),
        Query("min(smtp_banner_present{@targets})", "greets"),
        Query("min(smtp_quit_acknowledged{@targets})", "221 to QUIT"),
        Query("min(smtp_graceful_close{@targets})", "clean close"),
        mappings=YES_NO,
    ),
    lines(
        "Time by phase",
        "How long each phase of the last probe took, in the order in which they come; "
        "the one that failed included. After STARTTLS, tls comes behind starttls.",
        *(
            Query(
                f'max(smtp_probe_phase_seconds{{@targets,phase="{phase}"}})', str(phase)
            )
            for phase in Phase
        ),
        unit="s",
        stacked=True,
        colours=PHASE_COLOURS,
        width=16,
    ),
    lines(
        "Time to greet",
        "From the established connection to the greeting's first octet, and to its "
        "last line. A gap between the two is a server that pauses in between.",
        Query("max(smtp_banner_first_byte_seconds{@targets})", "first octet"),
        Query(
            'max(smtp_probe_phase_seconds{@targets,phase="greeting"})', "whole greeting"
        ),
        unit="s",
    ),
    states(
        "Failures",
        "What the last probe failed with, while it did.",
        Query(
            "max by (phase, reason) (smtp_probe_failure{@targets})",
            "{{phase}}_{{reason}}",
        ),
        mappings=FAILED,
        width=12,
    ),
    states(
        "Goodbyes",
        "The class that the last session ended in, while it was so.",
        Query("max by (close) (smtp_session_end{@targets})", "{{close}}"),
        mappings=SEEN,
        width=12,
    ),
    states(
        "Reply codes",
        "The reply code of each phase of the last probe: green for 2yz, blue for 3yz, "
        "orange for 4yz, red for 5yz.",
        Query("max by (phase) (smtp_reply_code{@targets})", "{{phase}}"),
        mappings=REPLY_CODES,
        height=8,
    ),
)

_COUNTED = (
    lines(
        "Failed probes",
        "Failed probes a minute, by phase and reason; it shows those between two "
        "scrapes too.",
        Query(
            "60 * sum by (phase, reason) "
            "(rate(smtp_probe_failures_total{@targets}[$__rate_interval]))",
            "{{phase}}_{{reason}}",
        ),
        unit="cpm",
        stacked=True,
    ),
    lines(
        "Session ends",
        "Sessions a minute by the class that they ended in.",
        Query(
            "60 * sum by (close) "
            "(rate(smtp_session_ends_total{@targets}[$__rate_interval]))",
            "{{close}}",
        ),
        unit="cpm",
        stacked=True,
        colours=CLOSE_COLOURS,
    ),
    lines(
        "Replies nobody asked for",
        "Replies a minute that came although none was owed.",
        Query(
            "60 * sum by (code) "
            "(rate(smtp_unsolicited_replies_total{@targets}[$__rate_interval]))",
            "{{code}}",
        ),
        unit="cpm",
        stacked=True,
        colours=UNSOLICITED_COLOURS,
    ),
    lines(
        "Greetings by class",
        "Greetings a minute by the first digit of their code.",
        Query(
            "60 * sum by (class) "
            "(rate(smtp_banners_total{@targets}[$__rate_interval]))",
            "{{class}}",
        ),
        unit="cpm",
        stacked=True,
        colours={"2xx": GREEN, "3xx": YELLOW, "4xx": ORANGE, "5xx": RED},
    ),
    ranking(
        "Mean time by phase",
        "How long the phases that completed took in the mean, in the chosen time.",
        "sum by (phase) (increase(smtp_phase_latency_seconds_sum{@targets}[$__range]))"
        " / sum by (phase) "
        "(increase(smtp_phase_latency_seconds_count{@targets}[$__range]) > 0)",
        "{{phase}}",
        unit="s",
    ),
    lines(
        "Network",
        "The round-trip time as TCP knew it at the session's end. What a phase took "
        "beyond it is the server's own.",
        Query("max(smtp_tcp_rtt_seconds{@targets})", "round trip"),
        unit="s",
    ),
)

_TALK = (
    table(
        "Extensions",
        "The EHLO keywords of the last EHLO.",
        "max by (extension) (smtp_extension{@targets})",
        Column(label="extension", title="Extension"),
        none="No EHLO was answered.",
        width=4,
    ),
    table(
        "Login mechanisms",
        "The SASL mechanisms that the last EHLO offered.",
        "max by (mechanism) (smtp_auth_mechanism{@targets})",
        Column(label="mechanism", title="Mechanism"),
        none="None was offered.",
        width=4,
    ),
    table(
        "Enhanced status codes",
        "The enhanced status codes (RFC 3463) of the replies that have one.",
        "max by (phase, status) (smtp_enhanced_status{@targets})",
        Column(label="phase", title="Phase", mappings=PHASE_IN_WORDS),
        Column(label="status", title="Status", width=90),
        none="No reply had one.",
        width=8,
    ),
    table(
        "Quirks",
        "Deviations from the protocol that the exporter has tolerated in the last "
        "session.",
        "max by (quirk) (smtp_quirk{@targets})",
        Column(label="quirk", title="Quirk"),
        none="None was seen.",
        width=4,
    ),
    ranking(
        "Addresses",
        "How many addresses the name had, by family; none for a literal.",
        "max by (family) (smtp_resolved_addresses{@targets})",
        "{{family}}",
        width=4,
    ),
    stat(
        "STARTTLS offered",
        "Whether the EHLO in the clear offered STARTTLS.",
        "min(smtp_starttls_offered{@targets})",
        mappings=YES_NO,
        none="no EHLO in the clear",
        width=6,
    ),
    stat(
        "Message size limit",
        "The limit that SIZE declares.",
        "min(smtp_message_size_limit_bytes{@targets})",
        unit="bytes",
        none="none declared",
        width=6,
    ),
    stat(
        "Sent again",
        "TCP segments that had to be sent again in the last session, the first SYN "
        "included. A path that loses packets makes a server look slow.",
        "max(smtp_tcp_retransmits{@targets})",
        steps=((None, GREEN), (1, ORANGE)),
        none="not known",
        width=6,
    ),
    name(
        "Preference",
        "The preference that the MX records of its domain give the host.",
        Query(
            "max by (mx_preference) (smtp_mx_info{@targets})",
            "{{mx_preference}}",
            instant=True,
        ),
        none="no mx: target",
        width=6,
    ),
)

_TLS = (
    table(
        "Certificate",
        "What the server's own certificate says of itself, so whoever made it chose "
        "the text. Empty when `metrics.certificate_info` is false.",
        "max by (subject, issuer, serial, key, fingerprint_sha256) "
        "(smtp_tls_certificate_info{@targets})",
        Column(label="subject", title="Subject"),
        Column(label="issuer", title="Issuer"),
        Column(label="key", title="Key", width=100),
        Column(label="serial", title="Serial number"),
        Column(label="fingerprint_sha256", title="SHA-256"),
        none="No certificate was seen.",
        height=4,
    ),
    stat(
        "Certificate ends in",
        "The time that the server's own certificate has left; negative: it has ended.",
        "min(smtp_tls_certificate_not_after_timestamp_seconds{@targets}) - time()",
        unit="s",
        steps=_TIME_LEFT,
        none="no TLS",
        width=4,
    ),
    stat(
        "Chain ends in",
        "The time that the first certificate of the chain to end has left.",
        "min(smtp_tls_chain_not_after_timestamp_seconds{@targets}) - time()",
        unit="s",
        steps=_TIME_LEFT,
        none="no TLS",
        width=4,
    ),
    stat(
        "Certificate's age",
        "How long ago the server's own certificate began to be valid.",
        "time() - max(smtp_tls_certificate_not_before_timestamp_seconds{@targets})",
        unit="s",
        none="no TLS",
        width=4,
    ),
    stat(
        "Verified",
        "Whether chain, name and dates hold, or a TLSA record vouches for the server.",
        "min(smtp_tls_verified{@targets})",
        mappings=YES_NO,
        none="nobody asked",
        width=4,
    ),
    name(
        "Protocol",
        "The version of TLS and the cipher of the last session.",
        Query(
            "max by (version, cipher) (smtp_tls_info{@targets})",
            "{{version}} {{cipher}}",
            instant=True,
        ),
        none="no TLS",
        width=8,
    ),
    stat(
        "close_notify",
        "Whether the server ended TLS with close_notify.",
        "min(smtp_tls_close_notify{@targets})",
        mappings=YES_NO,
        none="no TLS",
        width=6,
    ),
    stat(
        "DANE",
        "Whether a usable TLSA record matches what the server showed.",
        "min(smtp_dane_verified{@targets})",
        mappings=YES_NO,
        none="no record, or not asked",
        width=6,
    ),
    stat(
        "MTA-STS",
        "Whether host and certificate satisfy the policy of the mail domain.",
        "min(smtp_mta_sts_verified{@targets})",
        mappings=YES_NO,
        none="no policy, or not asked",
        width=6,
    ),
    stat(
        "Policy may be used for",
        "How long the MTA-STS policy at hand may still be used.",
        "min(smtp_mta_sts_policy_expires_timestamp_seconds{@targets}) - time()",
        unit="s",
        none="no policy, or not asked",
        width=6,
    ),
    states(
        "Certificate problems",
        "Each problem that a certificate can have, judged by itself, whatever the "
        "module makes of it.",
        Query("max by (problem) (smtp_tls_problem{@targets})", "{{problem}}"),
        mappings=FOUND,
        height=7,
    ),
)

DASHBOARD = Dashboard(
    uid=TARGET,
    title="Mail servers: one target",
    description="What one mail server did, phase by phase, and how its sessions ended.",
    matchers='target="$target"',
    variables=(JOB, INSTANCE, ONE_TARGET, PAGES),
    rows=(
        Row("Last probe", _NOW),
        Row("Over time", _OVER_TIME),
        Row("TLS", _TLS),
        Row("Counted since the exporter's start", _COUNTED, collapsed=True),
        Row("What the server said", _TALK, collapsed=True),
    ),
    links=(page("This target's sessions", "targets/${target:percentencode}"),),
)
