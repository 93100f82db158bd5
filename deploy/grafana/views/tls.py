"""TLS: what is spoken, what certificates say, and whether anybody should believe them.

Holds facts of all targets at once: counts by what they have in common, and lists of
those where something is wrong. A target that speaks no TLS is in none of them.
"""

from deploy.grafana.dashboard import (
    CELL,
    FEW_POINTS,
    MANY_CHOSEN,
    OF_MANY,
    STATUS_PAGE,
    TLS,
    Dashboard,
    Row,
)
from deploy.grafana.panels import (
    GREEN,
    NONE_IS_GOOD,
    ORANGE,
    RED,
    Column,
    Query,
    Step,
    lines,
    ranking,
    stat,
    table,
)
from deploy.grafana.words import REASON_IN_WORDS

MOST_ROWS = 200  # of a table: as many as somebody reads

_DAY = 86400
_TIME_LEFT: tuple[Step, ...] = ((None, RED), (3 * _DAY, ORANGE), (21 * _DAY, GREEN))
_WARNS = ((None, GREEN), (1, ORANGE))
_CHAIN_END = "smtp_tls_chain_not_after_timestamp_seconds{@targets}"
_CHAIN_LEFT = f"min by (target) ({_CHAIN_END}) - time()"

_TARGET = Column(label="target", title="Target", links=CELL, width=280)
_WHERE = (
    Column(label="module", title="Module", width=120),
    Column(label="host", title="Host"),
    Column(label="port", title="Port", width=70),
)

_NOW = (
    stat(
        "Encrypted",
        "Targets whose last session was encrypted.",
        "count(max by (target) (smtp_tls_info{@targets}))",
        none="none",
    ),
    stat(
        "Not verified",
        "Targets whose certificate is not to be believed: chain, name or dates do not "
        "hold, and no TLSA record vouches for it.",
        "sum(1 - min by (target) (smtp_tls_verified{@targets}))",
        steps=NONE_IS_GOOD,
        none="nobody asked",
    ),
    stat(
        "Ended",
        "Targets that send a certificate that has ended.",
        f"sum({_CHAIN_LEFT} <= bool 0)",
        steps=NONE_IS_GOOD,
        none="no TLS",
    ),
    stat(
        "End within 21 days",
        "Targets that send a certificate that ends within 21 days, or has ended.",
        f"sum({_CHAIN_LEFT} < bool {21 * _DAY})",
        steps=_WARNS,
        none="no TLS",
    ),
    stat(
        "STARTTLS not offered",
        "Targets that answered an EHLO in the clear without offering STARTTLS: by "
        "their own will, or because something on the way took it out.",
        "sum(1 - min by (target) (smtp_starttls_offered{@targets}))",
        steps=_WARNS,
        none="no EHLO in the clear",
    ),
    stat(
        "Without close_notify",
        "Targets whose last TLS session ended without close_notify.",
        "sum(1 - min by (target) (smtp_tls_close_notify{@targets}))",
        steps=_WARNS,
        none="no TLS",
    ),
    stat(
        "DANE broken",
        "Targets with TLSA records that nothing they showed matches, or whose records "
        "could not be looked up. Only modules that ask for DANE are counted.",
        "sum(1 - min by (target) (smtp_dane_verified{@targets}))",
        steps=NONE_IS_GOOD,
        none="not asked",
    ),
    stat(
        "MTA-STS broken",
        "Exchangers that do not satisfy the policy of their mail domain, or whose "
        "policy cannot be had. Only modules that ask for MTA-STS are counted.",
        "sum(1 - min by (target) (smtp_mta_sts_verified{@targets}))",
        steps=NONE_IS_GOOD,
        none="not asked",
    ),
)

_ENDS = (
    table(
        "Certificates by their end",
        f"The chains that end first, at most {MOST_ROWS}, intermediate certificates "
        "included. Negative: it has ended.",
        f"bottomk({MOST_ROWS}, min by (target, host, port, module) "
        "(smtp_tls_chain_not_after_timestamp_seconds{@targets}) - time())",
        _TARGET,
        Column(label="Value", title="Ends in", unit="s", steps=_TIME_LEFT, width=140),
        *_WHERE,
        none="No target speaks TLS.",
        width=14,
    ),
    lines(
        "Time left",
        "What the certificate that ends first has left, and the median of all. It "
        "falls with the days and jumps with a renewal; when it does not jump as it "
        "used to, a renewal has failed.",
        Query(f"min({_CHAIN_END}) - time()", "first to end"),
        Query(f"quantile(0.5, {_CHAIN_END}) - time()", "median"),
        unit="s",
        width=10,
    ),
)

_PROBLEMS = (
    ranking(
        "Problems",
        "How many targets show each problem. Each is judged by itself, whatever the "
        "module makes of it.",
        "sum by (problem) (max by (target, problem) (smtp_tls_problem{@targets}))",
        "{{problem}}",
        steps=NONE_IS_GOOD,
    ),
    table(
        "Who has which problem",
        f"Targets with a certificate that has a problem, at most {MOST_ROWS} rows; one "
        "with several has as many.",
        f"topk({MOST_ROWS}, max by (target, host, port, module, problem) "
        "(smtp_tls_problem{@targets}) == 1)",
        _TARGET,
        Column(label="problem", title="Problem", mappings=REASON_IN_WORDS, width=340),
        *_WHERE,
        none="No certificate has a problem.",
        width=16,
    ),
    table(
        "Who does not offer STARTTLS",
        f"Targets that did not offer STARTTLS in the clear, at most {MOST_ROWS}, those "
        "first that did so within the last day.",
        f"topk({MOST_ROWS}, "
        "max by (target, host, port, module) "
        "(max_over_time(smtp_starttls_offered{@targets}[1d]))"
        " and on (target) min by (target) (smtp_starttls_offered{@targets}) == 0)",
        _TARGET,
        Column(
            label="Value",
            title="In the last day",
            mappings=(
                {
                    "options": {
                        "0": {"index": 0, "text": "never"},
                        "1": {"color": RED, "index": 1, "text": "it was offered"},
                    },
                    "type": "value",
                },
            ),
            width=140,
        ),
        *_WHERE,
        none="All offer it.",
    ),
)

_SPOKEN = (
    ranking(
        "Versions",
        "Targets by the version of TLS that was agreed on. 1.0 and 1.1 are obsolete "
        "(RFC 8996).",
        "count by (version) (max by (target, version) (smtp_tls_info{@targets}))",
        "{{version}}",
        width=6,
    ),
    ranking(
        "Ciphers",
        "Targets by the cipher that was agreed on; the 25 most frequent.",
        "topk(25, count by (cipher) "
        "(max by (target, cipher) (smtp_tls_info{@targets})))",
        "{{cipher}}",
    ),
    ranking(
        "Keys",
        "Targets by the kind of key in their certificate.",
        "topk(25, count by (key) "
        "(max by (target, key) (smtp_tls_certificate_info{@targets})))",
        "{{key}}",
        width=4,
    ),
    ranking(
        "Issuers",
        "Targets by who has issued their certificate; the ten most frequent.",
        "topk(10, count by (issuer) "
        "(max by (target, issuer) (smtp_tls_certificate_info{@targets})))",
        "{{issuer}}",
        width=6,
    ),
    table(
        "Different keys behind one name",
        "Hosts whose addresses, and mail domains whose exchangers, have shown more "
        "than one key. Behind one host it mostly means that a renewal did not reach "
        "every machine; exchangers of a domain may well have different ones. Neither "
        "Targets nor Filters narrow it down, and a shard counts what it sees itself.",
        f"topk({MOST_ROWS}, max by (mx_domain, host, port, module) "
        '(smtp_tls_certificates_distinct{@exporter,module=~"$module",'
        'mx_domain=~"$mx_domain"}) > 1)',
        Column(label="host", title="Host"),
        Column(label="mx_domain", title="Mail domain"),
        Column(label="port", title="Port", width=70),
        Column(label="module", title="Module", width=120),
        Column(label="Value", title="Keys", unit="short", width=80),
        none="Every group shows one key.",
    ),
)

_DANE = (
    stat(
        "Vouched for",
        "Targets whose TLSA records match what they showed.",
        "sum(min by (target) (smtp_dane_verified{@targets}))",
        none="not asked",
        width=4,
    ),
    stat(
        "Records that cannot be used",
        "TLSA records of usages that say nothing to a sender of mail (0 and 1), or "
        "that cannot be matched.",
        'sum(max by (target) (smtp_dane_tlsa_records{@targets,usable="false"}))',
        steps=_WARNS,
        none="not asked",
        width=4,
    ),
    table(
        "Records that do not match",
        f"Targets whose TLSA records do not match, at most {MOST_ROWS}: senders that "
        "ask for DANE do not deliver to them.",
        f"topk({MOST_ROWS}, max by (target, host, port, module) "
        "(smtp_dane_verified{@targets}) == 0)",
        _TARGET,
        *_WHERE,
        none="None is.",
        width=16,
    ),
)

_STS = (
    ranking(
        "Policies",
        "Exchangers by the mode of their domain's policy. Only enforce keeps senders "
        "from delivering to one that does not satisfy it.",
        "count by (mode) (max by (target, mode) (smtp_mta_sts_mode{@targets}))",
        "{{mode}}",
        width=4,
    ),
    stat(
        "First policy to expire",
        "How long the policy at hand that expires first may still be used. It is "
        "fetched anew once a day.",
        "min(smtp_mta_sts_policy_expires_timestamp_seconds{@targets}) - time()",
        unit="s",
        steps=((None, RED), (0, ORANGE), (_DAY, GREEN)),
        none="not asked",
        width=4,
    ),
    table(
        "Policies not satisfied",
        f"Exchangers that do not satisfy their policy, at most {MOST_ROWS}.",
        f"topk({MOST_ROWS}, max by (target, host, port, module, mx_domain) "
        "(smtp_mta_sts_verified{@targets}) == 0)",
        _TARGET,
        Column(label="mx_domain", title="Mail domain"),
        *_WHERE,
        none="None is.",
        width=16,
    ),
)

DASHBOARD = Dashboard(
    uid=TLS,
    title="Mail servers: TLS",
    description="Versions and ciphers, certificates and their ends, DANE and MTA-STS.",
    matchers=MANY_CHOSEN,
    variables=OF_MANY,
    rows=(
        Row("Now", _NOW),
        Row("Ends of certificates", _ENDS),
        Row("Problems", _PROBLEMS),
        Row("What is spoken", _SPOKEN),
        Row("DANE", _DANE, collapsed=True),
        Row("MTA-STS", _STS, collapsed=True),
    ),
    links=(STATUS_PAGE,),
    points=FEW_POINTS,
)
