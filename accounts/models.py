"""Who: people, roles, and what they are granted where. Roles are data; the list of actions is code (permissions.py)."""

import uuid
from collections.abc import Iterator
from typing import ClassVar

from django.conf import settings
from django.contrib.auth import get_backends
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

from plant.models import Area


class UserManager(BaseUserManager["User"]):
    def create_user(self, username: str, password: str | None = None, **fields: object) -> "User":
        user = self.model(username=username, **fields)
        user.set_password(password)
        user.save()
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username__iexact=username)


class User(AbstractBaseUser):
    """A person. There is no superuser: everything a person may do is a grant."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    username = models.CharField(
        max_length=64,
        unique=True,
        validators=[RegexValidator(r"\A[\w.@+-]+\Z", "Letters, digits and . @ + - _ only.")],
    )
    full_name = models.CharField(max_length=120, blank=True)
    email = models.EmailField(blank=True)
    is_active = models.BooleanField(
        "switched on",
        default=True,
        help_text="Off: the person cannot log in, and open sessions and screens end at once.",
    )
    date_joined = models.DateTimeField(auto_now_add=True)
    session_generation = models.PositiveIntegerField(
        default=0, editable=False, help_text="Raised to end every session of the person at once."
    )

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    class Meta:
        ordering = ["username"]
        constraints = [models.UniqueConstraint(Lower("username"), name="user_username_unique_ci")]

    def __str__(self) -> str:
        return self.full_name or self.username

    def get_session_auth_hash(self) -> str:
        """What a session must carry to be this person's: a new password or a new generation ends the old ones."""
        return self._session_hash(None)

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        return (self._session_hash(key) for key in settings.SECRET_KEY_FALLBACKS)

    def _session_hash(self, secret: str | bytes | None) -> str:
        content = f"{self.session_generation}:{self.password}"
        return salted_hmac("accounts.session", content, secret=secret, algorithm="sha256").hexdigest()

    @property
    def is_staff(self) -> bool:
        """May the person come into the admin site? Somebody with something to do there may."""
        return any(self.has_module_perms(label) for label in ("plant", "alarms", "accounts", "audit"))

    def has_perm(self, perm: str, obj: models.Model | None = None) -> bool:
        return any(b.has_perm(self, perm, obj) for b in get_backends() if hasattr(b, "has_perm"))

    def has_module_perms(self, app_label: str) -> bool:
        return any(b.has_module_perms(self, app_label) for b in get_backends() if hasattr(b, "has_module_perms"))


class Role(models.Model):
    """A named set of actions. The seven standard roles are seeded; a site may add its own."""

    name = models.SlugField(max_length=32, unique=True)
    title = models.CharField(max_length=60)
    actions = models.JSONField(default=list, help_text="Names of actions, from accounts.permissions.Action.")

    class Meta:
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class Grant(models.Model):
    """This person has this role in this area and everything below it. Area empty: everywhere."""

    user = models.ForeignKey(User, models.CASCADE, related_name="grants")
    role = models.ForeignKey(Role, models.PROTECT, related_name="grants")
    area = models.ForeignKey(Area, models.PROTECT, null=True, blank=True, related_name="grants")

    class Meta:
        ordering = ["user", "role"]
        constraints = [
            models.UniqueConstraint("user", "role", "area", name="grant_unique"),
            models.UniqueConstraint("user", "role", condition=models.Q(area=None), name="grant_everywhere_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.role} {'everywhere' if self.area is None else f'in {self.area}'}"


class ApiToken(models.Model):
    """A key for programs. Only its hash is stored; it can do at most what its owner may, and only its scopes."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=60)
    prefix = models.CharField(max_length=16, editable=False, help_text="The readable beginning of the key.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list, help_text="Names of actions the token may use.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API token"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"


class OneTimeLink(models.Model):
    """A link that lets somebody set a password once. Only the hash of its token is stored.

    `user` empty: the link makes the first administrator, and only while there is none.
    """

    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="links")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"Link for {self.user or 'the first administrator'}"


class LoginFailure(models.Model):
    """A failed login that still counts towards a lock-out. Rows go when they no longer count."""

    username = models.CharField(max_length=64)
    address = models.CharField(max_length=64)
    at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["username", "address", "at"], name="login_failure_who_where")]

    def __str__(self) -> str:
        return f"{self.username} from {self.address}"
