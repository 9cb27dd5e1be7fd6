"""The Chinese of what settings mean, by its English."""

from typing import Final

CHINESE: Final = {
    "Folder of the journal and the store.": "日志与账本所在的文件夹。",
    "Where the journal is: sqlite:///path or kafka://host:9092[,…]. Empty: journal.sqlite in the data folder.": (
        "日志的位置：sqlite:///路径 或 kafka://主机:9092[,…]。留空：数据文件夹中的 journal.sqlite。"
    ),
    "Where the ledger is: chdb:///path or clickhouse://[user@]host:8123/database[?secure=1]. "
    "Empty: the folder store in the data folder.": (
        "账本的位置：chdb:///路径 或 clickhouse://[用户@]主机:8123/数据库[?secure=1]。留空：数据文件夹中的 store。"
    ),
    "Our password at ClickHouse.": "ClickHouse 密码。",
    "Cluster of the ClickHouse server that the ledger lies on.": "账本所在的 ClickHouse 集群名称。",
    "Seconds to wait for ClickHouse before giving up.": "等待 ClickHouse 的秒数，超过即放弃。",
    "Consumer group of the workers. Empty: the topics' prefix and -worker.": (
        "处理进程的消费组。留空：主题前缀加 -worker。"
    ),
    "Records a worker takes in one go, at most.": "处理进程一次最多取多少条记录。",
    "Milliseconds a worker waits for a batch to fill.": "处理进程等待一批凑满的毫秒数。",
    "Seconds after which a worker that is not heard of is replaced.": "处理进程失联多少秒后由其他进程接替。",
    "Seconds between two tries, at most, while Kafka or ClickHouse is away.": (
        "Kafka 或 ClickHouse 不可用时，两次重试之间最多间隔的秒数。"
    ),
    "Seconds a worker that is told to stop has to finish its batch.": (
        "处理进程收到停止信号后完成当前批次的时限（秒）。"
    ),
    "Where a worker serves /metrics, /healthz and /readyz: 127.0.0.1:9464. Empty: nowhere.": (
        "处理进程提供 /metrics、/healthz、/readyz 的地址，如 127.0.0.1:9464。留空：不开放端口。"
    ),
    "Log of a worker; auto: text for people, JSON for machines.": "处理进程的日志格式；auto：终端用文本，其他用 JSON。",
    "A worker stops when so many percent are refused or parked. 0: never.": (
        "被拒绝或搁置的事件达到该百分比时处理进程停止取数。0：从不。"
    ),
    "Of so many events the worker looks at the share that is bad.": "处理进程按最近多少个事件计算坏事件的比例。",
    "Seconds after which a worker that stopped so tries one batch.": "停止取数多少秒后再试一批。",
    "Whose books to read.": "读取哪个租户的账。",
    "Time zone of the days; the tenant's calendar.defined wins.": "划分日期的时区；以租户的 calendar.defined 为准。",
    "Currency of the company; the tenant's calendar.defined wins.": "公司的币种；以租户的 calendar.defined 为准。",
    "Language of what people read.": "界面语言。",
    "How long a customer stays, for clv, where nobody churned.": "无人流失时，计算 clv 所用的客户生命周期（年）。",
    "Whether programs on this machine may tell events over HTTP without a key.": (
        "本机程序是否可不带密钥通过 HTTP 报送事件。"
    ),
    "Where the keys of personal data are: sqlite:///path, on a disk that all processes share, or https://host:port of "
    "a key store. Empty: subjects.sqlite in the data folder.": (
        "个人数据密钥的位置：sqlite:///路径，须在所有进程共用的磁盘上；或密钥库的 https://主机:端口；"
        "留空则为数据目录中的 subjects.sqlite。"
    ),
    "What the key store is asked with: at least 32 characters.": "访问密钥库的令牌：至少 32 个字符。",
    "File of the token of the key store, which makes it where it is missing.": (
        "密钥库令牌文件；不存在时由密钥库生成。"
    ),
    "File of the authorities that vouch for the key store. Empty: those of this machine.": (
        "验证密钥库证书的 CA 文件；留空则用本机的。"
    ),
    "Master key that is to follow, while it is being changed: 32 bytes in base64.": (
        "更换主密钥期间的下一把主密钥：base64 编码的 32 字节。"
    ),
    "The keys of personal data are at {address}": "个人数据密钥库位于 {address}",
    "{n} keys are wrapped by the new master key.": "{n} 把密钥已改用新的主密钥加密。",
    "Tell it as SALESTREAM_MASTER_KEY now, and SALESTREAM_MASTER_KEY_NEXT no more.": (
        "现在请将其设为 SALESTREAM_MASTER_KEY，并去掉 SALESTREAM_MASTER_KEY_NEXT。"
    ),
    "Key that wraps the keys of personal data: 32 bytes in base64.": (
        "加密各个人数据密钥的主密钥：base64 编码的 32 字节。"
    ),
    "File of the master key, for its owner only. Empty: master.key beside the keys that it wraps.": (
        "主密钥文件，只允许其所有者读取；留空则为其所加密的密钥旁边的 master.key。"
    ),
    "File that notes each erasure, best on another disk than backups. Empty: erasures.jsonl in the data folder.": (
        "记录每次个人数据删除的文件，最好与备份不在同一磁盘；留空则为数据目录中的 erasures.jsonl。"
    ),
    "How long what was refused can be read, if it names no subject.": "被拒绝且未指明对象的内容可读取的天数。",
    "How long it is kept who asked and changed what.": "谁查询、谁变更了什么的记录保留天数。",
    "How reps are named on the wallboard; own: only on their own board; off: not at all.": (
        "大屏上如何显示销售姓名；own：仅在本人看板上；off：不显示。"
    ),
    "The wallboard shows no team, region or manager with fewer reps.": "大屏不显示销售人数少于此数的团队、地区或经理。",
    "Colour of what is better on the wallboard: green, or red.": "大屏上“更好”用的颜色：绿（green）或红（red）。",
    "Folder of your own boards for the wallboard, one YAML file each.": (
        "自定义大屏看板所在的文件夹，每个看板一个 YAML 文件。"
    ),
    "Events that a key may tell over HTTP in a second; 0: no limit.": (
        "每个密钥每秒可通过 HTTP 报送的事件数；0 为不限。"
    ),
    "Seconds in which the body of an HTTP request must have arrived.": "HTTP 请求正文须在多少秒内传完。",
    "File of the webhooks that are open, with their secrets.": "已开放的 Webhook 及其密钥的文件。",
    "Folder of your own mappings of webhooks.": "自定义 Webhook 映射的文件夹。",
    "How long raw input is kept.": "原始输入保留的天数。",
    "Events of active entities held in memory.": "内存中保留的活跃对象的事件数。",
    "What the names of our topics begin with.": "Kafka 主题名称的前缀。",
    "Partitions of inbox and journal; never changed once events are in.": "收件箱与日志的分区数；写入事件后不再更改。",
    "Brokers that hold a copy of each topic.": "每个主题的副本数。",
    "Seconds to wait for Kafka before giving up.": "等待 Kafka 的秒数，超过即放弃。",
    "How Kafka is spoken to.": "与 Kafka 通信的安全协议。",
    "How we log in to Kafka, with SASL.": "使用 SASL 时登录 Kafka 的方式。",
    "Our name at Kafka, with SASL.": "使用 SASL 时的 Kafka 用户名。",
    "Our password at Kafka, with SASL.": "使用 SASL 时的 Kafka 密码。",
    "File of the authorities that vouch for Kafka, with SSL.": "使用 SSL 时，验证 Kafka 的 CA 证书文件。",
    "File of our certificate for Kafka, with SSL.": "使用 SSL 时，我方的证书文件。",
    "File of the key of our certificate, with SSL.": "使用 SSL 时，我方证书的私钥文件。",
}
