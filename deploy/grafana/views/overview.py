"""The overview: who greets, who fails, who says goodbye, and where to look next.

Holds no panel that draws a line for each target: what is over time is a sum, what names
targets is a list of the worst, so it serves three targets and ten thousand. Two
exporters that probe one target count once, with the worse of what they see.
"""

from deploy.grafana.dashboard import (
    BAR,
    CELL,
    FEW_POINTS,
    MANY_CHOSEN,
    OF_MANY,
    OVERVIEW,
    STATUS_PAGE,
    Dashboard,
    Row,
)
from deploy.grafana.panels import (
    ALL_IS_GOOD,
    GREEN,
    NONE_IS_GOOD,
    ORANGE,
    RED,
    YELLOW,
    Column,
    Query,
    heat,
    lines,
    ranking,
    stat,
    table,
)
from deploy.grafana.words import (
    CLOSE_COLOURS,
    PHASE_COLOURS,
    REASON_IN_WORDS,
    UNSOLICITED_COLOURS,
    UNSOLICITED_IN_WORDS,
)

MOST_ROWS = 200  # of a table: as many as somebody reads, when all targets fail at once

_SUCCESS = "min by (target) (smtp_probe_success{@targets})"
_GREETED = "min by (target) (smtp_banner_present{@targets})"
_GRACEFUL = "min by (target) (smtp_graceful_close{@targets})"
_ENDS = "count by (close) (max by (target, close) (smtp_session_end{@targets}))"
_MODULES_GREETING = (
    'rate(smtp_module_latency_seconds_bucket{@exporter,module=~"$module",'
    'phase="greeting"}[$__rate_interval])'
)
_MODULES_SUM, _MODULES_COUNT = (
    f"sum by (phase) (rate(smtp_module_latency_seconds_{of}"
    '{@exporter,module=~"$module"}[$__rate_interval]))'
    for of in ("sum", "count")
)
# Few series, where those of each target would be a hundred for each.
_ALL_OF_A_MODULE = (
    "Of all targets of the chosen modules: their histogram has no targets, so neither "
    "Targets nor Mail domain nor Filters narrow it down."
)
# The labels of the failure, and the last success as its value: 0 where there was none.
_FAILING_SINCE = (
    f"bottomk({MOST_ROWS}, 1000 * ("
    "max by (target) (smtp_last_success_timestamp_seconds{@targets})"
    " or 0 * max by (target) (smtp_probe_failure{@targets})"
    ") * on (target) group_right () max by (target, host, port, module, phase, reason)"
    " (smtp_probe_failure{@targets}))"
)

_NOW = (
    stat(
        "Targets",
        "Targets whose last probe has ended, however. Nothing here means that no "
        "exporter is scraped.",
        f"count({_SUCCESS})",
    ),
    stat(
        "Failing",
        "Targets whose last probe did not find all that its module asks for: by "
        "default a greeting of 220, a positive reply to EHLO, and 221 for QUIT.",
        f"sum(1 - {_SUCCESS})",
        steps=NONE_IS_GOOD,
    ),
    stat(
        "Without a greeting",
        "Targets whose last probe read no complete, well-formed greeting. One that "
        "greets with 421 or 554 has greeted; see Greeting codes.",
        f"sum(1 - {_GREETED})",
        steps=NONE_IS_GOOD,
    ),
    stat(
        "Without a clean goodbye",
        "Targets whose last session did not end with 221 in answer to QUIT and then "
        "TCP's end. It need not fail a probe; see Goodbye.",
        f"sum(1 - {_GRACEFUL})",
        steps=((None, GREEN), (1, ORANGE)),
    ),
    stat(
        "Unsolicited 221 and 421",
        "Goodbyes that nobody asked for, in the chosen time: servers that time out, "
        "shut down or throttle in the middle of a session.",
        'sum(increase(smtp_unsolicited_replies_total{@targets,code=~"221|421"}'
        "[$__range]))",
        steps=((None, GREEN), (0.5, ORANGE)),
    ),
    stat(
        "First certificate ends in",
        "The earliest end of any certificate that a server sent, the intermediate ones "
        "included. Negative: it has ended.",
        "min(smtp_tls_chain_not_after_timestamp_seconds{@targets}) - time()",
        unit="s",
        steps=((None, RED), (3 * 86400, ORANGE), (21 * 86400, GREEN)),
        none="no TLS",
    ),
    stat(
        "Oldest result",
        "How long ago the last probe of a target ended, at worst. A server that says "
        "421 again and again is left alone, but for no more than 10 minutes.",
        "max(time() - max by (target) (smtp_last_probe_timestamp_seconds{@targets}))",
        unit="s",
        steps=((None, GREEN), (600, ORANGE), (1800, RED)),
    ),
    stat(
        "Exporters up",
        "The part of the chosen exporters that answers scrapes. Of the targets of one "
        "that does not, nothing on this page tells.",
        "avg(up{@exporter})",
        unit="percentunit",
        steps=ALL_IS_GOOD,
    ),
)

_FAILING = (
    table(
        "Failing now",
        "Each target that fails, those first that have failed for longest: in which "
        f"phase, and why in the exporter's own words. At most {MOST_ROWS} rows. Click "
        "on a target for its history, or for its last sessions line by line.",
        _FAILING_SINCE,
        Column(label="target", title="Target", links=CELL, width=240),
        Column(label="phase", title="Phase", width=100),
        Column(label="reason", title="Reason", mappings=REASON_IN_WORDS),
        Column(label="module", title="Module", width=110),
        Column(label="host", title="Host", width=160),
        Column(label="port", title="Port", width=70),
        Column(
            label="Value",
            title="Last success",
            unit="dateTimeFromNow",
            mappings=(
                {
                    "options": {"0": {"index": 0, "text": "none since the start"}},
                    "type": "value",
                },
            ),
            width=150,
        ),
        none="Nothing fails.",
        height=9,
    ),
    lines(
        "Failing targets by reason",
        "How many targets were failing, and why.",
        Query(
            "count by (reason) "
            "(max by (target, reason) (smtp_probe_failure{@targets}))",
            "{{reason}}",
        ),
        unit="short",
        stacked=True,
        width=12,
    ),
    ranking(
        "Failures by phase and reason",
        "How many targets fail now, by where and why. Many of one kind have one cause.",
        "count by (phase, reason) "
        "(max by (target, phase, reason) (smtp_probe_failure{@targets}))",
        "{{phase}}_{{reason}}",
        steps=((None, RED),),
        width=6,
    ),
    lines(
        "Failed probes",
        "Failed probes a minute, by the phase that failed first. Probes are counted as "
        "they end, so this shows the failures between two scrapes too.",
        Query(
            "60 * sum by (phase) "
            "(rate(smtp_probe_failures_total{@targets}[$__rate_interval]))",
            "{{phase}}",
        ),
        unit="cpm",
        stacked=True,
        colours=PHASE_COLOURS,
        width=6,
    ),
    lines(
        "Shares over time",
        "The part of all targets that succeeds, greets, and ends cleanly.",
        Query(f"avg({_SUCCESS})", "succeed"),
        Query(f"avg({_GREETED})", "greet"),
        Query(f"avg({_GRACEFUL})", "say goodbye properly"),
        unit="percentunit",
        width=24,
    ),
)

_GREETING = (
    ranking(
        "Slowest greetings",
        "The ten targets that took longest from the established connection to the last "
        "line of the greeting. Some pause on purpose: postscreen for 6 s.",
        "topk(10, max by (target) "
        '(smtp_probe_phase_seconds{@targets,phase="greeting"}))',
        "{{target}}",
        unit="s",
        steps=((None, GREEN), (5, YELLOW), (15, ORANGE)),
        links=BAR,
    ),
    lines(
        "Greeting latency",
        f"How long complete greetings took. {_ALL_OF_A_MODULE}",
        *(
            Query(
                f"histogram_quantile({part}, sum by (le) ({_MODULES_GREETING}))", name
            )
            for part, name in ((0.5, "median"), (0.95, "95 %"), (0.99, "99 %"))
        ),
        unit="s",
    ),
    ranking(
        "Greeting codes",
        "The reply codes that targets have greeted with. 220 is the only one that "
        "invites; a module may expect another.",
        'count_values("code", max by (target) '
        '(smtp_reply_code{@targets,phase="greeting"}))',
        "{{code}}",
    ),
    heat(
        "Greetings by latency",
        "Complete greetings by how long they took; the colour tells how many a second. "
        + _ALL_OF_A_MODULE,
        f"sum by (le) ({_MODULES_GREETING})",
        unit="s",
    ),
    lines(
        "Time by phase",
        f"How long the phases took in the mean that completed. {_ALL_OF_A_MODULE}",
        Query(f"{_MODULES_SUM} / {_MODULES_COUNT}", "{{phase}}"),
        unit="s",
        colours=PHASE_COLOURS,
        width=12,
    ),
)

_GOODBYE = (
    lines(
        "How sessions end",
        "Targets by the class that their last session ended in. Only clean is a "
        "goodbye as RFC 5321 asks for it; aborted is the exporter's own doing.",
        Query(_ENDS, "{{close}}"),
        unit="short",
        stacked=True,
        colours=CLOSE_COLOURS,
        width=12,
    ),
    ranking(
        "How the last sessions ended",
        "The same, now.",
        _ENDS,
        "{{close}}",
        width=6,
    ),
    lines(
        "Replies nobody asked for",
        "Replies a minute that came although none was owed. A 421 that answers a "
        "command is a failure, unavailable, and not in here.",
        Query(
            "60 * sum by (code) "
            "(rate(smtp_unsolicited_replies_total{@targets}[$__rate_interval]))",
            "{{code}}",
        ),
        unit="cpm",
        stacked=True,
        colours=UNSOLICITED_COLOURS,
        width=6,
    ),
    table(
        "Who says what nobody asked for",
        "Targets by how many such replies they gave in the chosen time, at most "
        f"{MOST_ROWS}.",
        f"topk({MOST_ROWS}, sum by (target, host, module, code) "
        "(increase(smtp_unsolicited_replies_total{@targets}[$__range])) > 0)",
        Column(label="target", title="Target", links=CELL, width=260),
        Column(label="code", title="Reply", mappings=UNSOLICITED_IN_WORDS),
        Column(label="module", title="Module", width=120),
        Column(label="host", title="Host", width=200),
        Column(label="Value", title="Replies", unit="short", width=100),
        none="No server spoke unasked.",
    ),
)

_SOONEST = (
    table(
        "Certificates that end soonest",
        "The twenty chains that end first, intermediate certificates included. "
        "The TLS dashboard tells more.",
        "bottomk(20, min by (target, host, port, module) "
        "(smtp_tls_chain_not_after_timestamp_seconds{@targets}) - time())",
        Column(label="target", title="Target", links=CELL, width=260),
        Column(
            label="Value",
            title="Ends in",
            unit="s",
            steps=((None, RED), (3 * 86400, ORANGE), (21 * 86400, GREEN)),
        ),
        Column(label="module", title="Module", width=120),
        Column(label="host", title="Host", width=200),
        Column(label="port", title="Port", width=70),
        none="No target speaks TLS.",
    ),
)

_DOMAINS = (
    stat(
        "Domains without mail",
        "Mail domains none of whose exchangers succeeded: mail for them waits at its "
        "senders.",
        'sum(1 - max by (mx_domain) (smtp_probe_success{@targets,mx_domain!=""}))',
        steps=NONE_IS_GOOD,
        none="no mx: targets",
        width=4,
    ),
    stat(
        "Domains with a part",
        "Mail domains some of whose exchangers fail while another works: mail arrives, "
        "perhaps late.",
        'sum(max by (mx_domain) (smtp_probe_success{@targets,mx_domain!=""})'
        ' - min by (mx_domain) (smtp_probe_success{@targets,mx_domain!=""}))',
        steps=((None, GREEN), (1, ORANGE)),
        none="no mx: targets",
        width=4,
    ),
    table(
        "Mail domains",
        "The part of each domain's exchangers that succeeds, the worst first, at most "
        f"{MOST_ROWS} domains.",
        f"bottomk({MOST_ROWS}, avg by (mx_domain) (min by (mx_domain, target) "
        '(smtp_probe_success{@targets,mx_domain!=""})))',
        Column(label="mx_domain", title="Mail domain"),
        Column(
            label="Value",
            title="Exchangers that succeed",
            unit="percentunit",
            steps=((None, RED), (0.01, YELLOW), (1, GREEN)),
        ),
        none="No mx: targets.",
        width=16,
    ),
)

_OFFERED = (
    ranking(
        "Extensions",
        "EHLO keywords, by how many targets offered them in their last EHLO; the 25 "
        "most frequent.",
        "topk(25, count by (extension) "
        "(max by (target, extension) (smtp_extension{@targets})))",
        "{{extension}}",
    ),
    ranking(
        "Login mechanisms",
        "SASL mechanisms, by how many targets offered them; the 25 most frequent.",
        "topk(25, count by (mechanism) "
        "(max by (target, mechanism) (smtp_auth_mechanism{@targets})))",
        "{{mechanism}}",
    ),
    ranking(
        "Quirks",
        "Deviations from the protocol that the exporter has tolerated, by how many "
        "targets show them.",
        "count by (quirk) (max by (target, quirk) (smtp_quirk{@targets}))",
        "{{quirk}}",
        steps=((None, YELLOW),),
    ),
)

DASHBOARD = Dashboard(
    uid=OVERVIEW,
    title="Mail servers: overview",
    description="Do the mail servers greet, how fast is each step, and do they say "
    "goodbye properly.",
    matchers=MANY_CHOSEN,
    variables=OF_MANY,
    rows=(
        Row("Now", _NOW),
        Row("Failures", _FAILING),
        Row("Greeting", _GREETING),
        Row("Goodbye", _GOODBYE),
        Row("Certificates", _SOONEST),
        Row("Mail domains", _DOMAINS, collapsed=True),
        Row("What servers offer", _OFFERED, collapsed=True),
    ),
    links=(STATUS_PAGE,),
    points=FEW_POINTS,
)
