"""What each KPI means, in Chinese. In English its definition says so itself."""

from typing import Final

_MEANINGS: Final = {
    "bookings": "赢单金额之和，计入赢单之时。",
    "revenue": "成交额加订单减退款；履行商机的订单不重复计入。",
    "cost": "赢单与订单的交付成本。",
    "gross_profit": "销售额减成本。",
    "gross_margin": "毛利占销售额的比例。",
    "spend": "已记录的费用，每笔分摊到它所覆盖的各天。",
    "net_profit": "毛利减费用。",
    "profit_margin": "净利润占销售额的比例。",
    "leads_created": "新进的线索。",
    "leads_qualified": "销售认可的线索。",
    "deals_created": "新开的商机。",
    "deals_won": "赢得的商机，减去被撤回的。",
    "deals_lost": "丢失的商机，减去被撤回的。",
    "average_deal_size": "平均每个赢单的成交额。",
    "new_customers": "首次赢单或首个订单落在期间内的客户。",
    "cac": "每个新客户所花的费用。",
    "cac/marketing": "每个新客户所花的市场、广告与活动费用。",
    "clv": (
        "平均每个活跃客户在其生命周期内的年销售额，减去获取成本。取最近十二个月；其间购买过即为活跃；"
        "生命周期为年流失率的倒数，无人流失时取设置值。"
    ),
    "clv_to_cac": "每花一元获客，客户值多少元。",
    "sales_cycle_days": "从首次接触（线索、接触或商机）到赢单的平均天数，计入赢单之时。",
    "sales_cycle_days/median": "从首次接触到赢单的天数中位数，只计仍成立的赢单。",
    "sales_cycle_days/from_deal": "从商机创建到赢单的平均天数。",
    "win_rate": "期间内结束的商机中赢单的比例。",
    "win_rate/created": "期间内创建的商机中至今赢单的比例。",
    "win_rate/value": "期间内结束的金额中赢单的比例。",
    "lead_conversion_rate": "期间内新进线索中至今有赢单的比例。",
    "stage_conversion": "按阶段：期间内进入该阶段的商机中，至今到达后续阶段或赢单的比例。",
    "stage_conversion/period": "按阶段：期间内离开该阶段时向前推进的比例。",
    "stage_days": "按阶段：已结束停留的平均天数。",
    "stage_days/median": "按阶段：已结束停留的天数中位数。",
    "pipeline_value": "进行中商机的金额。",
    "open_deals": "既未赢也未输的商机。",
    "weighted_pipeline": "进行中商机的金额乘以生效的概率：商机自身的，否则取其阶段的。",
    "churn_rate": "期初活跃客户中在期间内流失的比例。",
    "retention_rate": "期初活跃客户中在期间内未流失的比例。",
    "churned_customers": "客户流失的次数。",
    "csat": "达到满分 80% 的满意度回答的比例。",
    "csat/customers": "同上，只取每位受访者在期间内的最新回答。",
    "nps": "全部回答中推荐者（9-10 分）的百分比减去贬损者（0-6 分）的百分比。",
    "nps/latest": "同上，只取每位受访者在期间内的最新回答。",
    "touchpoints": "销售代表与客户的接触次数，自动发送的不计。",
    "touchpoints_per_rep_day": "每位在岗销售代表每个工作日的接触次数。",
    "speed_to_lead": "从线索进入到有人首次主动外联的分钟数的中位数。",
    "speed_to_lead/p90": "90% 的已响应线索在多少分钟内得到响应（最近秩法）。",
    "speed_to_lead/unanswered": "期间内新进线索中至今无人响应的比例。",
    "shared_wins": "赢单中，在赢单之前由两名或更多销售代表负责或接触过的比例。",
    "sales_velocity": (
        "进行中商机每天可望带来的成交额：进行中商机数 × 赢单率 × 客单价 ÷ 销售周期（天）；后三项取最近 90 天。"
    ),
    "pipeline_bridge": (
        "商机金额如何变为期末：期初加上新增、增加、重新打开和转入的，减去减少、赢得和丢失的。"
        "转移：在阶段或负责人之间，以及按当日汇率重估。"
    ),
    "stalled_deals": "进行中商机里，在其阶段停留的时间超过该阶段 90% 已结束停留的商机（最近秩法）。",
    "repeat_purchase_rate": "曾有有效购买（赢单或订单）的客户中，有效购买两次及以上的比例。",
    "collaboration_score": "关于协作的回答的平均分，0 到 100。",
    "training_gain": "培训后得分减培训前得分，占满分的百分比的平均值。",
    "training_effect": (
        "受训者培训后 90 天与前 90 天成交额之差的平均值，减去同期在岗且前后 90 天内未受训的销售代表的平均变化。"
    ),
    "quota_attainment": (
        "目标所针对的指标在同一期间、同一范围内的值除以生效的目标。按销售代表、团队、区域或产品：各自的目标；"
        "否则为公司目标。"
    ),
    "quota_attainment/pace": "同上，除以每个工作日同样贡献时此刻应达到的值；1 为正好跟上进度。今天计为已过。",
    "quota_attainment/pace_last_year": (
        "同上，除以按去年走势此刻应达到的值：去年同期在同样多的工作日之后所达到的占其全部的比例。"
    ),
    "pipeline_coverage": "预计在期间内成交的进行中商机金额，除以销售额目标尚缺的部分。",
}


def meaning(kpi: str, english: str, lang: str | None) -> str:
    """What a KPI means, in the language of the person."""
    return _MEANINGS.get(kpi, english) if lang == "zh" else english
