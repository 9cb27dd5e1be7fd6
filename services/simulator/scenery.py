"""The company as plain data: where it sells, what, through whom, and what people say."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from services.simulator.dice import spread

CRM: Final = "/crm"
SHOP: Final = "/shop"
SERVICE: Final = "/service"
MARKETING: Final = "/marketing"
FINANCE: Final = "/finance"
HR: Final = "/hr"


@dataclass(frozen=True, eq=False)
class Region:
    """A part of the world that the company sells to."""

    name: str
    slug: str
    share: int
    """Of the company's reps and demand, in per cent."""
    currencies: tuple[str, ...]
    opens: int
    """When its working day begins on the clock of Shanghai, in hours."""
    cities: tuple[str, ...]
    china: bool = True


REGIONS: Final = (
    Region("华东", "east", 36, ("CNY",), 9, ("上海", "杭州", "南京", "苏州", "宁波")),
    Region("华北", "north", 26, ("CNY",), 9, ("北京", "天津", "青岛", "大连", "太原")),
    Region("华南", "south", 22, ("CNY",) * 6 + ("USD",), 9, ("深圳", "广州", "厦门", "东莞", "佛山")),
    Region(
        "EMEA", "emea", 16, ("EUR",) * 3 + ("USD",) * 2, 15, ("Berlin", "Lyon", "Milano", "Leeds", "Dubai"), china=False
    ),
)
ANY_REGION: Final = spread({region: region.share for region in REGIONS})
OPEN_S: Final = 8 * 3600 + 1800
"""How long a working day is."""

RATES: Final = {"USD": 71_800, "EUR": 78_200}
"""What a unit was worth in CNY when the company began, in ten-thousandths."""


class Product(NamedTuple):
    """Something to sell. ``price`` is in yuan, for the smallest customers."""

    name: str
    price: int
    cost_percent: int


PRODUCTS: Final = (
    Product("CRM 标准版", 12_800, 34),
    Product("CRM 专业版", 29_800, 31),
    Product("数据分析", 21_500, 28),
    Product("客服云", 18_600, 38),
    Product("实施服务", 24_000, 62),
)
ANY_PRODUCT: Final = spread(dict(zip(PRODUCTS, (34, 26, 16, 14, 10), strict=True)))
GOODS: Final = (Product("坐席扩展", 1_260, 36), Product("短信包", 480, 71), Product("培训课时", 2_400, 55))
"""What the web shop sells: to customers again and again, and to people who stay anonymous."""


class Segment(NamedTuple):
    """Customers of a size. ``factor`` multiplies prices; ``ease`` the odds of moving on."""

    name: str
    factor: int
    ease: float


SMB: Final = Segment("smb", 1, 1.12)
MID: Final = Segment("mid", 3, 1.0)
ENTERPRISE: Final = Segment("enterprise", 9, 0.88)
ANY_SEGMENT: Final = spread({SMB: 56, MID: 31, ENTERPRISE: 13})


class Channel(NamedTuple):
    """A way by which leads come in. ``ease`` multiplies the odds of a lead being good."""

    name: str
    ease: float
    campaign: bool


OUTBOUND: Final = Channel("outbound", 0.8, campaign=False)
ANY_CHANNEL: Final = spread(
    {
        Channel("website", 1.0, campaign=True): 32,
        Channel("search", 0.85, campaign=True): 24,
        Channel("wechat", 0.9, campaign=True): 18,
        Channel("expo", 1.05, campaign=True): 9,
        Channel("referral", 1.5, campaign=False): 9,
        Channel("partner", 1.3, campaign=False): 8,
    }
)
CAMPAIGNS: Final = ("开春焕新", "年中大促", "金秋展会", "双十一")
"""One for each quarter; the year is written before it."""

Stages = tuple[tuple[str, str, str], ...]
"""The id of a stage, the chance to win from it, and its name for people; in order."""

PIPELINE: Final[Stages] = (
    ("qualified", "0.1", "商机确认 Qualified"),
    ("discovery", "0.25", "需求调研 Discovery"),
    ("proposal", "0.45", "方案报价 Proposal"),
    ("negotiation", "0.7", "商务谈判 Negotiation"),
    ("contract", "0.9", "合同审批 Contract"),
)
PIPELINE_LATER: Final[Stages] = (
    ("qualified", "0.15", "商机确认 Qualified"),
    ("discovery", "0.25", "需求调研 Discovery"),
    ("trial", "0.4", "试用验证 Trial"),
    ("proposal", "0.5", "方案报价 Proposal"),
    ("negotiation", "0.65", "商务谈判 Negotiation"),
    ("contract", "0.85", "合同审批 Contract"),
)
"""The pipeline since its second definition."""
RENEWAL: Final[Stages] = (
    ("reminded", "0.6", "到期提醒 Reminded"),
    ("offered", "0.75", "续约报价 Offered"),
    ("signing", "0.9", "续约签署 Signing"),
)

TOUCHES: Final = spread({"call": 34, "email": 22, "message": 20, "meeting": 12, "demo": 6, "visit": 5, "other": 1})
MINUTES: Final = {"call": (1, 25), "meeting": (20, 90), "demo": (30, 60), "visit": (40, 180)}
"""How long a touchpoint of a kind takes; the others have no length."""

DISQUALIFIED: Final = ("无预算", "联系不上", "非目标客户", "重复线索", "student")
LOST: Final = spread({"price": 30, "no decision": 24, "competitor": 22, "功能不符": 14, "budget cut": 10})
COMPETITORS: Final = ("北辰软件", "Blue Harbor", "云帆 CRM", "Acme CRM")
CHURNED: Final = ("price", "业务调整", "service", "switched supplier", "closed down")
COURSES: Final = ("谈判技巧", "产品知识", "Solution Selling", "时间管理")
COMMENTS: Final = ("很满意，响应很快", "Quick and friendly", "一般", "价格偏高", "实施有点慢", "Would recommend")

SURNAMES: Final = tuple("王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗")
GIVEN: Final = tuple("伟 芳 娜 敏 静 强 磊 洋 勇 军 杰 娟 涛 明 超 秀兰 霞 平 刚 文 辉 鑫 宇轩 思远 雨桐".split())
FIRST: Final = tuple("Anna Luca Sophie Jonas Emma Omar Marta Liam Chiara Felix Nora Hugo".split())
LAST: Final = tuple("Weber Rossi Martin Novak Silva Haddad Keller Dubois Ricci Evans Berg Costa".split())
TRADES: Final = tuple("科技 贸易 医疗 教育 物流 制造 食品 能源 传媒 电子".split())
TRADES_EMEA: Final = tuple("Logistics Foods Medical Media Tools Energy Retail Robotics".split())
