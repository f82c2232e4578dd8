from billing.models.coverage import Coverage, Payer

__all__ = ["Coverage", "Payer"]
